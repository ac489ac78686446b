/**
 * Who waits for the same thing, in the order in which they came: the first has the turn, until it leaves. Anybody may
 * leave at any time; nothing of them stays.
 */
import * as Effect from "effect/Effect"

export class Line {
  #first: Place | undefined
  #last: Place | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  /** At the end of the line. Whoever enters leaves. */
  enter(): Place {
    const place = new Place(this.#last, (left) => this.#leave(left))
    if (this.#last === undefined) {
      this.#first = place
      place.come()
    } else this.#last.after = place
    this.#last = place
    return place
  }

  #leave({ after, before }: Place): void {
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    // Later, and not within: who leaves goes on first, and no line is too long for the stack.
    if (before === undefined && after !== undefined) queueMicrotask(() => after.come())
  }
}

class Place {
  before: Place | undefined
  after: Place | undefined
  readonly leave: () => void
  #hasTurn = false
  #waiting: (() => void) | undefined

  constructor(before: Place | undefined, leave: (place: Place) => void) {
    this.before = before
    this.leave = () => leave(this)
  }

  /** Until those before have left. */
  readonly turn: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#hasTurn) resume(Effect.void)
    else this.#waiting = () => resume(Effect.void)
  })

  come(): void {
    this.#hasTurn = true
    this.#waiting?.()
  }
}
