/**
 * The lookup of a host's addresses, off the thread: as the system does it (hosts file, DNS, …), in the system's order.
 */
import * as Effect from "effect/Effect"
import { wait, type Wait, WaitError } from "green-core"
import * as Dns from "node:dns"
import type { UnresolvedHost } from "../../ConnectOptions.ts"

/**
 * The addresses of `name`, each once. `undefined` in a thread that is blocked by the program, which could never be told
 * of them. Interruption stops the waiting; the system's own lookup cannot be stopped.
 */
export const lookup = (name: string): Effect.Effect<ReadonlyArray<string> | undefined, UnresolvedHost, Wait> =>
  wait(() => Dns.promises.lookup(name, { all: true }), { catch: (cause) => cause }).pipe(
    Effect.map((found) => [...new Set(found.map(({ address }) => address))]),
    Effect.catch((cause) =>
      cause instanceof WaitError && cause.reason._tag === "CannotBlockOn"
        ? Effect.undefined
        : Effect.fail({ host: name, problem: cause instanceof Error ? cause.message : String(cause) })
    )
  )
