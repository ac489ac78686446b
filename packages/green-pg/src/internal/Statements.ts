/**
 * The statements that a connection keeps on the server: bounded, by text and types of the parameters. What is used least
 * recently goes first.
 */
import type { Parameter } from "../PgTypes.ts"
import type { Statement } from "./Driver.ts"

class Kept implements Statement {
  readonly name: string
  readonly sql: string
  readonly types: ReadonlyArray<number>
  state: Statement["state"] = "new"
  fields: Statement["fields"] = undefined
  used: number

  constructor(name: string, sql: string, types: ReadonlyArray<number>, used: number) {
    this.name = name
    this.sql = sql
    this.types = types
    this.used = used
  }

  takes(parameters: ReadonlyArray<Parameter>): boolean {
    const { types } = this
    for (let index = 0; index < types.length; index++) if (types[index] !== parameters[index]?.oid) return false
    return types.length === parameters.length
  }
}

export class Statements {
  readonly #most: number
  /** Whether the driver can close one: else what was kept stays, and what comes when it is full is not kept. */
  readonly #closes: boolean
  #bySql = new Map<string, Array<Kept>>()
  #size = 0
  #made = 0
  #uses = 0

  constructor(most: number, closes: boolean) {
    this.#most = most
    this.#closes = closes
  }

  /** The statement to use; one more may be kept by now than is to be: `surplus`. `undefined`: it is not kept. */
  get(sql: string, parameters: ReadonlyArray<Parameter>): Statement | undefined {
    const variants = this.#bySql.get(sql)
    if (variants !== undefined) {
      for (const kept of variants) {
        if (kept.takes(parameters)) {
          kept.used = ++this.#uses
          return kept
        }
      }
    }
    if (this.#most === 0 || (this.#size >= this.#most && !this.#closes)) return undefined
    const made = new Kept(
      `green_${++this.#made}`,
      sql,
      parameters.map((parameter) => parameter.oid),
      ++this.#uses
    )
    if (variants === undefined) this.#bySql.set(sql, [made])
    else variants.push(made)
    this.#size++
    return made
  }

  /** The one that is to be closed, since there are too many; it is forgotten. */
  surplus(): Statement | undefined {
    if (this.#size <= this.#most) return undefined
    let oldest: Kept | undefined
    for (const variants of this.#bySql.values()) {
      for (const kept of variants) if (oldest === undefined || kept.used < oldest.used) oldest = kept
    }
    if (oldest !== undefined) this.forget(oldest)
    return oldest
  }

  /** Forgets one that the server does not have any more, or whose plan is no good. */
  forget(statement: Statement): void {
    for (const [sql, variants] of this.#bySql) {
      const at = variants.findIndex((kept) => kept === statement)
      if (at < 0) continue
      variants.splice(at, 1)
      if (variants.length === 0) this.#bySql.delete(sql)
      this.#size--
      return
    }
  }

  /** Forgets all: the server has none any more. */
  clear(): void {
    this.#bySql = new Map()
    this.#size = 0
  }
}
