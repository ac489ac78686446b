/**
 * A thousand connections for some seconds: patient ones, slow ones, and those that leave at any moment. As long as
 * `GREEN_POOL_LOAD_SECONDS` says, 2 seconds unless said.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { RunInPool } from "green-pool"
import { connect } from "node:net"
import { isEmpty, serve, until } from "./support.ts"

const connections = 1000
const milliseconds = Number(process.env["GREEN_POOL_LOAD_SECONDS"] ?? "2") * 1000

/** A number from 0 to 1, always the same ones. */
const numbers = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

/** What the clients have seen. */
class Ledger {
  answered = 0
  refused = 0
  left = 0
}

/** Opens connections, one after the other, until the time is over. */
const visit = async (port: number, random: () => number, until: number, ledger: Ledger): Promise<void> => {
  while (performance.now() < until) {
    await new Promise<void>((resolve) => {
      const manner = random()
      const socket = connect(port, "127.0.0.1")
      let text = ""
      let ended = false
      const leave = (): void => {
        if (ended) return
        ledger.left++
        socket.destroy()
      }
      const seen = (): void => {
        const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]
        if (!text.endsWith("\n") || status === undefined) return
        ended = true
        if (status === "200") ledger.answered++
        else ledger.refused++
        socket.destroy()
      }
      socket.setEncoding("latin1")
      socket.on("data", (more: string) => {
        text += more
        seen()
      })
      socket.on("error", () => {})
      socket.on("close", () => resolve())
      socket.on("connect", () => {
        socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234")
        const rest = () => ended || socket.destroyed || socket.write("56789")
        if (manner < 0.5) rest()
        else if (manner < 0.7) setTimeout(rest, random() * 200)
        else if (manner < 0.85) setTimeout(leave, random() * 300)
        else {
          rest()
          setTimeout(leave, random() * 300)
        }
      })
    })
  }
}

it.live(
  "what was received was answered, dropped or refused, to the last request",
  () =>
    Effect.gen(function* () {
      let running = 0
      let most = 0
      let handled = 0
      const app = yield* RunInPool.node(
        async (_, response) => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setTimeout(resolve, 20))
          running--
          handled++
          response.setHeader("connection", "close")
          response.end("done\n")
        },
        {
          maxWorkers: 20,
          capacity: 100,
          deadline: "30 seconds",
          waitForBody: { maxBytes: 10, maxTotalBytes: 9000 }
        }
      )
      let received = 0
      const port = yield* serve((request, response) => {
        received++
        app(request, response)
      })
      const ledger = new Ledger()
      const end = performance.now() + milliseconds
      yield* Effect.promise(() =>
        Promise.all(Array.from({ length: connections }, (_, seed) => visit(port, numbers(seed), end, ledger)))
      )
      yield* isEmpty(app)
      yield* until("nothing runs", () => running === 0)
      const { counts, pool } = app
      assert.strictEqual(counts.received, received)
      assert.strictEqual(counts.received, counts.answered + counts.dropped + counts.refused)
      assert.strictEqual(counts.answered, handled)
      assert.deepStrictEqual([pool.running, pool.queued, counts.queued, counts.heldBytes], [0, 0, 0, 0])
      assert.isAtMost(most, 20)
      // What a client has seen was done; the answer to one that has left may have been on its way.
      assert.isAtLeast(counts.answered, ledger.answered)
      assert.isAtLeast(counts.refused, ledger.refused)
      // Twenty workers of 20 ms do a thousand in a second, which is less than so many connections ask for.
      for (const count of [counts.answered, counts.dropped, counts.refused, ledger.left]) assert.isAbove(count, 0)
    }),
  milliseconds + 90_000
)
