/**
 * For which job the handler of an operation runs, and for which job that one was called, and so on: what a nested call
 * needs to know of the threads that wait for it.
 */
import * as Context from "effect/Context"
import type { Slot } from "./Slots.ts"

export interface Lineage {
  /** Whose slot it is. */
  readonly pool: object
  readonly slot: Slot
  /** How many jobs are above it, itself included. */
  readonly depth: number
  readonly outer: Lineage | undefined
}

export const Lineage = Context.Reference<Lineage | undefined>("green-blocking/Lineage", {
  defaultValue: () => undefined
})

/** It and all that are above it, the innermost first. */
export const lineageOf = (lineage: Lineage | undefined): ReadonlyArray<Lineage> => {
  const all: Array<Lineage> = []
  for (let each = lineage; each !== undefined; each = each.outer) all.push(each)
  return all
}

/** The slots of the jobs of this pool, the innermost first. */
export const lendersIn = (pool: object, lineage: Lineage | undefined): ReadonlyArray<Slot> =>
  lineageOf(lineage)
    .filter((each) => each.pool === pool)
    .map((each) => each.slot)
