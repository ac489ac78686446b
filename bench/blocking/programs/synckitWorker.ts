/** The thread of `synckit.ts`: sends back what came. */
import { runAsWorker } from "synckit"

runAsWorker(async (payload: unknown) => payload)
