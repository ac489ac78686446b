/** Jobs that perform operations. */
import { perform } from "green-blocking/worker"
import { hold as holdThread } from "./hold.ts"
import { Operations } from "./operations.ts"
import { key, megabyte } from "./payloads.ts"
import { timed } from "./timed.ts"

const { Bytes, Get } = perform(Operations)
const bytes = megabyte()

export const trips = (times: number): number => timed(times, () => Get({ key }))

export const large = (times: number): number => timed(times, () => Bytes(bytes))

export const hold = (words: Int32Array): void => holdThread(words)
