/** The jobs of `smoke.ts`. */
import { perform } from "green-blocking/worker"
import { Operations } from "./operations.ts"

const { Count, Double, Never } = perform(Operations)

export const add = (one: number, other: number): number => one + other

export const double = (value: number): number => Double({ value })

export const sum = (to: number): number => {
  let total = 0
  for (const each of Count({ to })) total += each
  return total
}

/** Waits until it is interrupted. */
export const wait = (): void => Never()

/** Computes until its thread is ended. */
export const spin = (): void => {
  for (;;);
}
