/**
 * How the requests of these measures are judged. Client and server share two cores, so the cheapest slices are compared,
 * and the fastest.
 */
import type { Client } from "../concurrently.ts"
import { alternate, cpuSide, type Row, type Scale, type Side, summary, type Target } from "../harness.ts"

/** What the slices of a client were: the cheapest of them in microseconds of CPU, and the fastest in requests a second. */
interface Result {
  readonly name: string
  readonly cpu: number
  readonly speed: number
}

/** Slices of every client in turn. */
export const measured = async (
  full: Scale,
  options: { readonly requests: number; readonly concurrency: number; readonly rounds: number },
  clients: ReadonlyArray<Client>
): Promise<(client: Client) => Result> => {
  const { concurrency, requests, rounds } = options
  const scale = { ...full, warmUps: Math.min(full.warmUps, 2), rounds: Math.min(full.rounds, rounds) }
  const speeds = new Map(clients.map((client): [Client, Array<number>] => [client, []]))
  const sides = new Map(
    clients.map((client): [Client, Side] => [
      client,
      cpuSide(client.name, requests, async () => {
        const start = performance.now()
        await client.slice(requests, concurrency)
        speeds.get(client)?.push((requests / (performance.now() - start)) * 1000)
      })
    ])
  )
  const figures = await alternate(scale, [...sides.values()])
  return (client) => {
    const side = sides.get(client)
    return {
      name: client.name,
      cpu: summary(side === undefined ? [] : figures(side)).least,
      speed: summary(speeds.get(client) ?? []).most
    }
  }
}

/** The row of two clients: the ratio of ours to the other. */
export const row = (
  what: "CPU per request" | "requests a second",
  measure: string,
  ours: Result,
  against: Result,
  target?: Target
): Row => {
  const isCpu = what === "CPU per request"
  const show = ({ cpu, speed }: Result) => (isCpu ? `${cpu.toFixed(1)} us` : `${(speed / 1000).toFixed(1)} k/s`)
  const ratio = isCpu ? ours.cpu / against.cpu : ours.speed / against.speed
  return {
    measure: `${measure}, ${what}`,
    ours: show(ours),
    against: `${against.name}: ${show(against)}`,
    unit: "x",
    figure: { median: ratio, least: ratio, most: ratio },
    ...(target === undefined ? {} : { target })
  }
}
