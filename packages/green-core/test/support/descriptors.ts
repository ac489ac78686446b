/** Counting what a process has open. */
import { readdirSync } from "node:fs"

/** The numbers of all open descriptors, but for the one by which they are listed. */
export const openDescriptors = (): ReadonlyArray<string> => readdirSync("/proc/self/fd").slice(0, -1)
