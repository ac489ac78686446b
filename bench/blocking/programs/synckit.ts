/** synckit: this thread blocks until a worker has answered. */
import { fileURLToPath } from "node:url"
import { createSyncFn } from "synckit"
import { answer } from "./answer.ts"
import { key, megabyte } from "./payloads.ts"
import { timed } from "./timed.ts"

const ask = createSyncFn(fileURLToPath(new URL("synckitWorker.mjs", import.meta.url)))
const bytes = megabyte()

answer({
  trips: (operations) => timed(operations, () => ask({ key })),
  large: (operations) => timed(operations, () => ask(bytes))
})
