/**
 * The pipeline of one connection: requests go out in the order in which they were submitted, answers come back in that
 * order, and there is one wait for the socket, however many wait for answers.
 *
 * The conversation with the server is a protocol that belongs to no fiber: it is started when there is something to say,
 * and ends when everything is answered. So an operation costs its fiber one resumption, and whoever is resumed within
 * `deliver` and asks again is sent with the others, in one write.
 *
 * Somebody may hold the connection (`hold`): requests of others wait until it is released.
 *
 * Called by `PgConnection` only.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import { Protocol, type WaitFdHandler } from "green-core"
import { PgError } from "../PgError.ts"
import type { Driver, Exchange, Statement } from "./Driver.ts"
import { asPgError } from "./failures.ts"
import { type Holder, Requests } from "./Requests.ts"

export class Pipeline {
  readonly driver: Driver
  readonly #handler: WaitFdHandler
  readonly #context: Context.Context<never>
  readonly #requests: Requests
  /** How many want to hear from the server although nothing is asked. */
  #listeners = 0
  #conversing = false
  /** Within the steps of the conversation: what is submitted there is sent at the end of the step. */
  #stepping = false
  #writing = false
  #scheduled = false
  #onWritten: Array<() => void> = []
  #stopConversation: () => void = () => {}
  #stopWriting: () => void = () => {}
  #failure: PgError | undefined
  readonly #onClosing: () => void
  readonly #onLost: (error: PgError) => void

  /** `onClosing` is called when the socket is closed, or will be: once or more, before anybody hears of it. */
  constructor(
    driver: Driver,
    handler: WaitFdHandler,
    context: Context.Context<never>,
    onClosing: () => void,
    onLost: (error: PgError) => void
  ) {
    this.driver = driver
    this.#requests = new Requests(driver)
    this.#handler = handler
    this.#context = context
    this.#onClosing = onClosing
    this.#onLost = onLost
  }

  /** Why nothing can be asked any more. */
  get failure(): PgError | undefined {
    return this.#failure
  }

  /** How many of the requests on their way are nobody's: they keep order on the server. */
  get unowned(): number {
    return this.#requests.unowned
  }

  /**
   * Puts a request in. `schedule` runs a task when others had their turn: requests of one turn go out together.
   */
  submit(exchange: Exchange, holder: Holder | undefined, schedule: (task: () => void) => void): void {
    if (this.#failure !== undefined) {
      exchange.onError(this.#failure)
      exchange.onEnd()
      return
    }
    if (!this.#requests.add(exchange, holder)) {
      exchange.onError(released())
      exchange.onEnd()
      return
    }
    if (this.#stepping) return
    if (!this.#conversing) {
      this.#converse()
    } else if (!this.#scheduled) {
      this.#scheduled = true
      schedule(() => {
        this.#scheduled = false
        this.#write()
      })
    }
  }

  /** Puts a request in that goes out with the next that is submitted, which is to follow at once. */
  precede(exchange: Exchange, holder: Holder | undefined): void {
    if (this.#failure === undefined) this.#requests.add(exchange, holder)
  }

  /** Closes a statement; it goes out with the next request that is submitted, which is to follow at once. */
  close(statement: Statement, holder: Holder | undefined): void {
    if (this.#failure === undefined) this.#requests.close(statement, holder)
  }

  /** Whether the connection is this holder's by now. */
  isHeldBy(holder: Holder): boolean {
    return this.#requests.isHeldBy(holder)
  }

  /** Takes a request back that was not sent; false when it was. */
  withdraw(exchange: Exchange): boolean {
    return this.#requests.withdraw(exchange)
  }

  /** Asks for the connection; `onHeld` is called when everything that was asked before is answered. */
  hold(holder: Holder): void {
    if (this.#failure === undefined) this.#requests.hold(holder)
    else holder.onHeld(this.#failure)
  }

  /** Gives the connection back, or takes the wish for it back. */
  release(holder: Holder): void {
    this.#requests.release(holder)
    if (!this.#conversing && this.#requests.waiting) this.#converse()
  }

  /** Reads what the server says by itself, until the result is called. */
  listen(): () => void {
    this.#listeners++
    if (!this.#conversing) this.#converse()
    let listening = true
    return () => {
      if (!listening) return
      listening = false
      if (--this.#listeners === 0 && this.driver.outstanding === 0) this.#stopConversation()
    }
  }

  /** Sends nothing until `go`. */
  stop(): void {
    this.#requests.stopped = true
  }

  go(): void {
    this.#requests.stopped = false
    if (!this.#conversing) this.#converse()
    else this.#write()
  }

  /** To be called when an exchange is paused no more. */
  unpaused(): void {
    if (!this.#conversing && !this.#stepping && this.#failure === undefined) this.#converse()
  }

  /** Writes what is in the output; `onWritten` is called when all of it is, or the connection is lost. */
  write(onWritten: () => void): void {
    if (this.#failure !== undefined) {
      onWritten()
      return
    }
    this.#onWritten.push(onWritten)
    this.#write()
  }

  /** Hands out what was read already: the answer to a COPY may have come before the end of its data. */
  deliver(): void {
    if (this.#stepping || this.#failure !== undefined) return
    this.#stepping = true
    try {
      this.driver.deliver()
    } catch (thrown) {
      this.lose(asPgError(thrown))
    } finally {
      this.#stepping = false
    }
    this.#write()
    if (this.driver.outstanding === 0 && this.#listeners === 0) this.#stopConversation()
  }

  /** Takes what the server has said while nothing was asked, without waiting: such as that it has gone. */
  probe(): void {
    if (this.#conversing || this.#stepping || this.#failure !== undefined || this.driver.outstanding > 0) return
    const lost = this.driver.receive()
    if (lost !== undefined) return this.lose(lost)
    try {
      this.driver.deliver()
    } catch (thrown) {
      this.lose(asPgError(thrown))
    }
  }

  /** The driver has lost the connection: hands out what came before, and ends the rest with this error. */
  lost(error: PgError): void {
    if (this.#failure !== undefined) return
    this.#stopConversation()
    this.#closing()
    this.deliver()
    this.lose(error)
  }

  /** Ends everything with this error, and the connection. */
  lose(error: PgError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#stopConversation()
    this.#closing()
    this.driver.fail(error)
    this.#requests.fail(error)
    this.#written()
    this.#onLost(error)
  }

  /** Who hears of an end may connect anew, and be given the number that the socket had. */
  #closing(): void {
    this.#stopWriting()
    this.#onClosing()
  }

  #converse(): void {
    if (this.#failure !== undefined) return
    this.#conversing = true
    let over = false
    const stop = Protocol.start(
      () => this.#conversation(),
      this.#handler,
      this.#context,
      (exit) => {
        over = true
        this.#conversing = false
        if (Exit.isFailure(exit)) this.#ended(exit.cause)
      }
    )
    this.#stopConversation = () => {
      if (!over && !this.#stepping) stop()
    }
  }

  *#conversation(): Protocol.Protocol<void> {
    const { driver } = this
    try {
      for (;;) {
        this.#stepping = true
        driver.deliver()
        this.#send()
        if (this.#failure !== undefined) return
        this.#flush()
        if (driver.outstanding === 0 ? this.#listeners === 0 : driver.paused) return
        const fd = driver.socket
        // libpq closes it when it cannot write; why, it says when it is to read.
        if (fd >= 0) {
          this.#stepping = false
          yield { fd, interest: "read", exclusive: false }
          this.#stepping = true
        }
        const lost = driver.receive()
        if (lost !== undefined) {
          this.#closing()
          driver.deliver()
          this.lose(lost)
          return
        }
      }
    } finally {
      this.#stepping = false
    }
  }

  /** Sends what may be sent by now. */
  #send(): void {
    const lost = this.#requests.send()
    if (lost !== undefined) this.lose(lost)
  }

  #write(): void {
    if (this.#failure !== undefined) return
    this.#send()
    this.#flush()
  }

  #flush(): void {
    if (this.#writing || this.#failure !== undefined) return
    if (this.driver.flush()) {
      this.#written()
      return
    }
    this.#writing = true
    let over = false
    const stop = Protocol.start(
      () => writing(this.driver),
      this.#handler,
      this.#context,
      (exit) => {
        over = true
        this.#writing = false
        if (Exit.isFailure(exit)) this.#ended(exit.cause)
        else this.#written()
      }
    )
    this.#stopWriting = () => {
      if (!over) stop()
    }
  }

  #written(): void {
    if (this.#onWritten.length === 0) return
    const waiting = this.#onWritten
    this.#onWritten = []
    for (const each of waiting) each()
  }

  #ended(cause: Cause.Cause<unknown>): void {
    if (!Cause.hasInterruptsOnly(cause)) this.lose(asPgError(Cause.squash(cause)))
  }
}

const released = (): PgError =>
  new PgError({
    operation: "query",
    reason: { _tag: "Closed", problem: "the scope that held the connection has ended; use what the next hold gives" }
  })

function* writing(driver: Driver): Protocol.Protocol<void> {
  while (!driver.flush()) yield { fd: driver.socket, interest: "write", exclusive: false }
}
