/**
 * The process of one measure: `child.ts <suite> <measure> <scale>`. Started by `index.ts`, to which it sends the rows.
 */
import type { Scale } from "./harness.ts"
import { suites } from "./suites.ts"

/** For figures. */
const full: Scale = { warmUps: 4, rounds: 21, count: (full) => full }

/** Whether everything runs. The figures mean nothing. */
const smoke: Scale = { warmUps: 0, rounds: 1, count: (full) => Math.max(2, Math.round(full / 1000)) }

const [, , suite = "", name = "", scale] = process.argv
const load = suites[suite]?.[name]
if (load === undefined) throw new Error(`no measure "${name}" in "${suite}"`)
const { measure } = await load()
process.send?.(await measure(scale === "smoke" ? smoke : full))
