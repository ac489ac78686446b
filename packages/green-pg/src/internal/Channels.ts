/**
 * The channels that a connection listens to, and who hears them. LISTEN is said when the first comes, UNLISTEN when the
 * last has gone.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { PgError } from "../PgError.ts"
import type { Notification } from "./Driver.ts"
import { Asked } from "./exchanges.ts"
import { checkText, inputError, invalidInput } from "./input.ts"
import type { Holder } from "./Requests.ts"
import type { Session } from "./Session.ts"

/** NAMEDATALEN - 1: the server would cut a longer name without a word. */
const longest = 63

type Hearer = Queue.Queue<Notification, PgError>

export class Channels {
  readonly #hearers = new Map<string, Set<Hearer>>()

  readonly onNotification = (notification: Notification): void => {
    for (const hearer of this.#hearers.get(notification.channel) ?? []) Queue.offerUnsafe(hearer, notification)
  }

  /** Everybody hears why the connection is lost. */
  lose(error: PgError): void {
    for (const hearers of this.#hearers.values()) {
      for (const hearer of hearers) Queue.failCauseUnsafe(hearer, Cause.fail(error))
    }
    this.#hearers.clear()
  }

  listen(
    session: Session,
    channel: string,
    holder: Holder | undefined
  ): Effect.Effect<Queue.Dequeue<Notification, PgError>, PgError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const name = yield* quoted(channel)
      const hearer: Hearer = yield* Effect.acquireRelease(Queue.unbounded<Notification, PgError>(), Queue.shutdown)
      yield* Effect.acquireRelease(
        Effect.sync(() => session.pipeline.listen()),
        (stop) => Effect.sync(stop)
      )
      const hearers = yield* Effect.acquireRelease(
        Effect.sync(() => this.#enter(channel, hearer)),
        (hearers) => Effect.suspend(() => this.#leave(session, channel, name, hearers, hearer, holder))
      )
      // Also when somebody listens already: it may not have come through yet.
      yield* Effect.tapError(script(session, `LISTEN ${name}`, holder), () =>
        Effect.sync(() => this.#forget(channel, hearers, hearer))
      )
      return hearer
    })
  }

  #enter(channel: string, hearer: Hearer): Set<Hearer> {
    const hearers = this.#hearers.get(channel) ?? new Set()
    this.#hearers.set(channel, hearers)
    hearers.add(hearer)
    return hearers
  }

  /** Whether it was the last of those who listen. */
  #forget(channel: string, hearers: Set<Hearer>, hearer: Hearer): boolean {
    if (!hearers.delete(hearer) || hearers.size > 0 || this.#hearers.get(channel) !== hearers) return false
    return this.#hearers.delete(channel)
  }

  #leave(
    session: Session,
    channel: string,
    name: string,
    hearers: Set<Hearer>,
    hearer: Hearer,
    holder: Holder | undefined
  ): Effect.Effect<void> {
    if (!this.#forget(channel, hearers, hearer)) return Effect.void
    if (!session.isUsable()) return Effect.void
    const still = holder !== undefined && session.pipeline.isHeldBy(holder) ? holder : undefined
    return Effect.ignore(script(session, `UNLISTEN ${name}`, still))
  }
}

const script = (session: Session, sql: string, holder: Holder | undefined): Effect.Effect<void, PgError> =>
  Effect.asVoid(session.perform(() => new Asked({ _tag: "Script", sql }), holder))

/** The channel as an identifier. */
const quoted = (channel: string): Effect.Effect<string, PgError> =>
  Effect.suspend(() => {
    const size = Buffer.byteLength(channel)
    if (size === 0 || size > longest) {
      return Effect.fail(
        invalidInput(
          "listen",
          `the channel ${JSON.stringify(channel)}`,
          `has ${size} bytes; a name has 1 to ${longest}`
        )
      )
    }
    return Effect.try({
      try: () => {
        checkText("listen", "the channel", channel)
        return `"${channel.replaceAll('"', '""')}"`
      },
      catch: (thrown) => inputError("listen", thrown)
    })
  })
