/**
 * Sends the requests of the libpq driver, in the mode of the library that each needs.
 */
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import type { PgError } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { QueryRequest, Request } from "../Driver.ts"
import { checkText } from "../input.ts"
import { Parameters } from "./Parameters.ts"

/** Which of the results of a request comes next. */
export type Stage = "prepare" | "query" | "sync" | "close" | "script" | "copy out" | "copy in"

export class Sender {
  readonly #libpq: LibpqFunctions
  readonly #parameters: Parameters
  readonly #lost: () => PgError
  #pipelining = false

  /** `lost` makes the error of a connection on which the library sends nothing any more. */
  constructor(libpq: LibpqFunctions, types: PgTypes, lost: () => PgError) {
    this.#libpq = libpq
    this.#parameters = new Parameters(types)
    this.#lost = lost
  }

  /** Sends a request, and answers what comes of it first. */
  send(connection: Handle, request: Request): Stage {
    switch (request._tag) {
      case "Query":
        return this.#query(connection, request)
      case "Script":
        checkText("query", "the SQL text", request.sql)
        this.#pipeline(connection, false)
        this.#sent(this.#libpq.PQsendQuery(connection, request.sql))
        return "script"
      case "Close": {
        const close = this.#libpq.PQsendClosePrepared
        if (close === undefined) throw new TypeError("this libpq closes no statements: see closesStatements")
        this.#pipeline(connection, true)
        this.#sent(close(connection, request.statement.name))
        return "close"
      }
    }
  }

  #query(connection: Handle, { parameters, sql, statement, sync }: QueryRequest): Stage {
    const libpq = this.#libpq
    const parses = statement?.state === "new"
    if (parses || statement === undefined) checkText("query", "the SQL text", sql)
    const filled = this.#parameters.fill(parameters)
    this.#pipeline(connection, true)
    if (statement === undefined) {
      this.#sent(libpq.PQsendQueryParams(connection, sql, filled))
    } else {
      if (parses) {
        this.#sent(libpq.PQsendPrepare(connection, statement.name, sql, filled))
        statement.state = "parsing"
      }
      this.#sent(libpq.PQsendQueryPrepared(connection, statement.name, filled))
    }
    if (sync) this.#sent((libpq.PQsendPipelineSync ?? libpq.PQpipelineSync)(connection))
    return parses ? "prepare" : "query"
  }

  #pipeline(connection: Handle, on: boolean): void {
    if (this.#pipelining === on) return
    this.#sent(on ? this.#libpq.PQenterPipelineMode(connection) : this.#libpq.PQexitPipelineMode(connection))
    this.#pipelining = on
  }

  #sent(answer: number): void {
    if (answer !== 1) throw this.#lost()
  }
}
