/**
 * A protocol is a generator that yields what it waits for. It knows no fiber, no loop and no handler, so whoever runs
 * it decides how to wait: here the event loop, this very thread, and a virtual world run the same game.
 */
import * as Effect from "effect/Effect"
import { FdIo, Green, Protocol, WouldBlock } from "green-core"
import { VirtualFds } from "green-core/testing"

/** A connection in lines of text. Its methods never wait: they say that one would have to. */
class Lines {
  readonly fd: number
  readonly #io: FdIo["Service"]
  #unsent: Uint8Array = new Uint8Array()
  #received = ""

  constructor(fd: number, io: FdIo["Service"]) {
    this.fd = fd
    this.#io = io
  }

  put(line: string): void {
    this.#unsent = Buffer.concat([this.#unsent, Buffer.from(`${line}\n`)])
  }

  flush(): "sent" | "more" {
    const count = Effect.runSync(this.#io.write(this.fd, this.#unsent))
    if (count !== WouldBlock) this.#unsent = this.#unsent.subarray(count)
    return this.#unsent.length === 0 ? "sent" : "more"
  }

  /** The next line, or `undefined` when it has not arrived. */
  take(): string | undefined {
    const bytes = Buffer.alloc(64)
    const count = Effect.runSync(this.#io.read(this.fd, bytes))
    if (count !== WouldBlock) this.#received += bytes.toString("utf8", 0, count)
    const end = this.#received.indexOf("\n")
    if (end < 0) return undefined
    const line = this.#received.slice(0, end)
    this.#received = this.#received.slice(end + 1)
    return line
  }
}

function* send(lines: Lines, line: string): Protocol.Protocol<void> {
  lines.put(line)
  while (lines.flush() === "more") yield Protocol.request(lines, "write")
}

function* receive(lines: Lines): Protocol.Protocol<string> {
  for (;;) {
    const line = lines.take()
    if (line !== undefined) return line
    yield Protocol.request(lines, "read")
  }
}

/** Finds the number that the other side has in mind. */
function* guess(lines: Lines): Protocol.Protocol<number> {
  let low = 1
  let high = 100
  for (;;) {
    const middle = Math.floor((low + high) / 2)
    yield* send(lines, `${middle}`)
    const answer = yield* receive(lines)
    if (answer === "yes") return middle
    if (answer === "higher") low = middle + 1
    else high = middle - 1
  }
}

/** Has a number in mind; gives how often it was asked. */
function* answer(lines: Lines, secret: number): Protocol.Protocol<number> {
  for (let questions = 1; ; questions++) {
    const number = Number(yield* receive(lines))
    yield* send(lines, number === secret ? "yes" : number < secret ? "higher" : "lower")
    if (number === secret) return questions
  }
}

/** Both sides of a game. However often they wait, each `Protocol.run` resumes its fiber once. */
const game = Effect.gen(function* () {
  const io = yield* FdIo
  const [one, other] = yield* FdIo.makeSocketPair
  const [number, questions] = yield* Effect.all(
    [Protocol.run(() => guess(new Lines(one, io))), Protocol.run(() => answer(new Lines(other, io), 42))],
    { concurrency: "unbounded" }
  )
  yield* FdIo.close(one)
  yield* FdIo.close(other)
  return `it is ${number}, found with ${questions} questions`
})

console.log("on the event loop:  ", await Effect.runPromise(game.pipe(Effect.provide(Green.layer))))
console.log("blocking the thread:", Green.runSync(game))
console.log("in a virtual world: ", await Effect.runPromise(game.pipe(Effect.provide(VirtualFds.layer))))
