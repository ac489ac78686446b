/**
 * The requests of one connection that wait to be sent, in their order, and who holds the connection.
 *
 * It knows what may go out next: nothing behind somebody who wants to hold the connection, before everything in front is
 * answered; with a holder, what the holder has asked for; a script alone. It waits for nothing and reads nothing.
 *
 * Called by `Pipeline` only.
 */
import type { PgError } from "../PgError.ts"
import type { Driver, Exchange, Statement } from "./Driver.ts"
import { asPgError } from "./failures.ts"
import { Unowned } from "./Unowned.ts"

/** Who holds the connection, or wants to. */
export interface Holder {
  /** Called once, when the connection is this holder's, or with why it never will be. */
  readonly onHeld: (failure: PgError | undefined) => void
}

type Queued = Exchange | Holder

/** The answers of those that share an implicit transaction come when the last of them is done. */
const mostShared = 63

const isHolder = (queued: Queued): queued is Holder => "onHeld" in queued

export class Requests {
  readonly #driver: Driver
  /** What waits to be sent; with a holder, what waits for the holder. */
  #queue: Array<Queued> = []
  #holder: Holder | undefined
  /** What the holder has submitted and is not sent yet. */
  #held: Array<Exchange> = []
  /** Whether the last that was sent is a script, … */
  #script = false
  /** … or needs a Sync behind it. */
  #unsynced = false
  /** How many share the implicit transaction by now. */
  #shared = 0
  /** How many of the requests on their way are nobody's: they keep order on the server. */
  unowned = 0
  /** Whether nothing may be sent, since a cancel request is on its way. */
  stopped = false

  constructor(driver: Driver) {
    this.#driver = driver
  }

  /** Whether there is something to be sent. */
  get waiting(): boolean {
    return this.#queue.length > 0
  }

  /** Puts a request in; false when the connection is no more this holder's. */
  add(exchange: Exchange, holder: Holder | undefined): boolean {
    if (holder === undefined) this.#queue.push(exchange)
    else if (holder === this.#holder) this.#held.push(exchange)
    else return false
    return true
  }

  /** Closes a statement; it goes out with the next request that is added. */
  close(statement: Statement, holder: Holder | undefined): void {
    this.add(new Unowned({ _tag: "Close", statement }, this.#disowned), holder)
  }

  readonly #disowned = (): void => {
    this.unowned--
  }

  isHeldBy(holder: Holder): boolean {
    return this.#holder === holder
  }

  /** Takes a request back that was not sent; false when it was. */
  withdraw(exchange: Exchange): boolean {
    return remove(this.#queue, exchange) || remove(this.#held, exchange)
  }

  hold(holder: Holder): void {
    this.#queue.push(holder)
    this.#admit()
  }

  /** Gives the connection back, or takes the wish for it back. */
  release(holder: Holder): void {
    if (this.#holder !== holder) {
      remove(this.#queue, holder)
      return
    }
    this.#holder = undefined
    this.#admit()
  }

  /** Ends everything that waits, with this error. */
  fail(error: PgError): void {
    const queued = [...this.#held, ...this.#queue]
    this.#held = []
    this.#queue = []
    for (const each of queued) {
      if (isHolder(each)) {
        each.onHeld(error)
      } else {
        each.onError(error)
        each.onEnd()
      }
    }
  }

  /** Puts what may be sent by now into the driver's output. Answers the error by which the connection is lost. */
  send(): PgError | undefined {
    while (!this.stopped) {
      const queue = this.#holder === undefined ? this.#queue : this.#held
      const next = queue[0]
      if (next === undefined) break
      if (isHolder(next)) {
        if (!this.#admit()) break
        continue
      }
      if (this.#driver.outstanding === 0) this.#script = false
      else if (this.#script || next.request._tag === "Script") break
      queue.shift()
      const lost = this.#sendOne(next, queue)
      if (lost === undefined) continue
      queue.unshift(next)
      return lost
    }
    // The one that it was sent for was taken back: without a Sync nobody would answer.
    if (this.#unsynced) this.#sync()
    return undefined
  }

  #sendOne(exchange: Exchange, queue: ReadonlyArray<Queued>): PgError | undefined {
    const { request } = exchange
    if (request._tag === "Query" && request.shares) request.sync = !this.#sharesWith(queue[0])
    try {
      this.#driver.send(exchange)
    } catch (thrown) {
      const error = asPgError(thrown)
      if (error.reason._tag !== "InvalidInput") return error
      exchange.onError(error)
      exchange.onEnd()
      // What was sent before it counted on its Sync.
      if (this.#unsynced) this.#sync()
      return undefined
    }
    this.#script = request._tag === "Script"
    this.#unsynced = request._tag === "Close" || (request._tag === "Query" && !request.sync)
    if (request._tag === "Close") this.unowned++
    return undefined
  }

  #sync(): void {
    this.#unsynced = false
    this.unowned++
    this.#driver.send(new Unowned(sync, this.#disowned))
  }

  /** Whether the one that is sent now shares its implicit transaction with the one behind it. */
  #sharesWith(next: Queued | undefined): boolean {
    const shares =
      next !== undefined &&
      !isHolder(next) &&
      next.request._tag === "Query" &&
      next.request.shares &&
      this.#shared < mostShared &&
      this.#driver.parameterStatus("default_transaction_read_only") === "on"
    this.#shared = shares ? this.#shared + 1 : 0
    return shares
  }

  /** Gives the connection to the next in the queue, if it wants to hold it and everything before is answered. */
  #admit(): boolean {
    const next = this.#queue[0]
    if (this.#holder !== undefined || next === undefined || !isHolder(next) || this.#driver.outstanding > 0)
      return false
    this.#queue.shift()
    this.#holder = next
    next.onHeld(undefined)
    return true
  }
}

/** An empty query, for its Sync. */
const sync: Exchange["request"] = {
  _tag: "Query",
  sql: "",
  parameters: [],
  statement: undefined,
  shape: "values",
  chunk: 0,
  shares: false,
  sync: true
}

const remove = <A>(queue: Array<A>, item: A): boolean => {
  const at = queue.indexOf(item)
  if (at < 0) return false
  queue.splice(at, 1)
  return true
}
