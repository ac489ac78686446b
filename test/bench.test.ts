/** Whether the benchmarks run and end, not how fast. */
import { expect, it } from "vitest"
import { run } from "./support/run.ts"

const minute = 60_000

const bench = (parameters: ReadonlyArray<string>, environment: ReadonlyArray<string> = []) =>
  run(
    "env",
    [...environment, process.execPath, "--conditions=green-source", "bench/index.ts", ...parameters],
    2 * minute
  )

/** The first words of every row of the suite. */
const rows = [
  "round trip, waitFd",
  "round trip, lease.io, wait first",
  "round trip, lease.io, try first",
  "round trip, waitFd, 10 idle descriptors watched",
  "resident memory per idle waiter",
  "the same, young generation of 1 MiB",
  "wait(promise)",
  "wait(() => promise)",
  "wait.callback",
  "wait(value)",
  "wait of a ready descriptor, Green.runSync",
  "FdStream.read, by the clock",
  "FdStream.read, lent chunks, by the clock",
  "FdStream.read, by CPU time",
  "FdStream.read, lent chunks, by CPU time",
  "CPU while 2 fibers wait"
]

const poolRows = [
  "tasks with results, map",
  "tasks with results, submitUnsafe, join, poll",
  "the same, CPU per task, map",
  "heap per queued task",
  "tasks without results, map, discard",
  "tasks without results, bare fibers",
  "tasks without results, map, discard, callbacks",
  "heap of a producer behind 1024 queued tasks",
  "CPU per task, 1000 queued",
  "the latest timer of a flood, queued tasks",
  "the latest timer of a flood, map",
  "CPU of an idle pool",
  "CPU of a pool with 100 waiting tasks"
]

it(
  "prints every row of the core suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["core", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/^node \d+\./)
    const lines = stdout.split("\n")
    for (const row of rows) expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

it(
  "prints every row of the pool suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["pool", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const lines = stdout.split("\n")
    for (const row of poolRows) expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

it(
  "prints every row of the serve suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["serve", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    for (const row of ["node, sync", "node, async", "effect"])
      expect(stdout).toContain(`CPU per request, RunInPool.${row}`)
    expect(stdout).toMatch(/throughput.*\nthe same, p99/)
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

const httpRows = [
  "GET, 50 on the way, CPU per request",
  "GET, 50 on the way, requests a second",
  "the same, runPromise for each, CPU per request",
  "the same, 50 connections at most, CPU per request",
  "GET, one on the way, CPU per request",
  "GET against effect/http on undici, requests a second",
  "GET against fetch, requests a second",
  "GET against got, requests a second",
  "GET against axios, requests a second",
  "floor: undici.dispatch, CPU per request",
  "floor: undici.dispatch in a fiber, CPU per request",
  "GET with a tracer, CPU per request",
  "cookies, redirects and auth, not met, CPU per request",
  "a cache, not met, CPU per request",
  "download of 10 MB, each chunk",
  "floor: undici.dispatch, download of 10 MB",
  "connections of two chains of three redirects",
  "resident memory for a body of 1 GB, down",
  "resident memory for a body of 1 GB, up"
]

it(
  "prints every row of the http suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["http", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const lines = stdout.split("\n")
    for (const row of httpRows) expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

const pgRows = [
  "one connection, one fiber, wire, queries a second",
  "one connection, one fiber, wire, CPU per query",
  "one connection, one fiber, libpq, queries a second",
  "the same, 3 parameters, wire, queries a second",
  "raw connection, one fiber, wire, queries a second",
  "latency added by the pool ",
  "latency added by the pool and SqlClient",
  "CPU added by the pool and SqlClient",
  "one connection, 100 fibers, wire, queries a second",
  "one connection, 100 fibers, wire, CPU per query",
  "one connection, 100 fibers, libpq, queries a second",
  "one connection, 100 fibers, the system's libpq, queries a second",
  "the same, read only, wire, queries a second",
  "the same, read only, libpq, queries a second",
  "the same, 32 at a time, wire, queries a second",
  "floor: bytes, a Sync each, in flow, queries a second",
  "ten connections, 100 fibers, wire, queries a second",
  "ten connections, 100 fibers, wire, CPU per query",
  "ten connections, 100 fibers, libpq, queries a second",
  "the same, 32 on a connection, wire, queries a second",
  "100,000 rows to objects, wire, rows a second",
  "100,000 rows to objects, wire, CPU per row",
  "100,000 rows to objects, libpq, rows a second",
  "pipeline of 100, wire, queries a second",
  "pipeline of 100, libpq, queries a second",
  "floor: bytes, one Sync, queries a second",
  "floor: bytes, a Sync each, queries a second",
  "floor: bytes, a Sync each, the server's CPU per query",
  "100 fibers by SqlClient, wire, queries a second"
]

it(
  "prints every row of the pg suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["pg", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const lines = stdout.split("\n")
    for (const row of pgRows) expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    for (const peer of ["sql-pg", "pg", "pg, pipeline", "postgres.js"]) expect(stdout).toContain(`  ${peer}: `)
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

const blockingRows = [
  "round trip, 100 B, by the clock",
  "round trip, 100 B, the fastest tenth, by the clock",
  "round trip, 100 B, CPU",
  "1 MB there and back, by the clock",
  "operations of 4 threads, a second",
  "a job of no work, by the clock",
  "memory of a thread, no Effect",
  "start of a thread, no Effect",
  "memory of a thread, operations",
  "start of a thread, operations",
  "delay of the event loop while 4 jobs compute, p99"
]

it(
  "prints every row of the blocking suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["blocking", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const lines = stdout.split("\n")
    for (const row of blockingRows) expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    for (const peer of ["raw", "synckit", "postMessage", "piscina", "tinypool"]) expect(stdout).toContain(`  ${peer}: `)
    expect(stdout).not.toContain("NaN")
  },
  3 * minute
)

it(
  "prints every row of the runtimes suite, with a figure",
  async () => {
    const { code, stderr, stdout } = await bench(["runtimes", "--smoke"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const lines = stdout.split("\n")
    for (const row of [
      "one wait in a worker thread, found ready",
      "one wait in a worker thread, woken",
      "fs.promises.readFile while 8 workers wait",
      "one wait on Bun, found ready",
      "one wait on Bun, woken",
      "one wait on Deno, found ready",
      "one wait on Deno, woken"
    ])
      expect(lines.filter((line) => line.startsWith(row))).not.toEqual([])
    expect(stdout).not.toContain("NaN")
  },
  minute
)

it(
  "says of a row that it could not be measured without pgbench, or without a libpq of the system",
  async () => {
    const environment = ["PGBENCH=no-such-pgbench", "GREEN_LIBPQ=/no-such-library"]
    const { code, stderr, stdout } = await bench(["pg", "pipeline", "pipelined", "--smoke"], environment)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/pipeline of 100, wire, queries .*pgbench: there is no no-such-pgbench.* not measured/)
    expect(stdout).toMatch(/the system's libpq, queries a second.*no-such-library.* not measured/)
    expect(stdout).toMatch(/pipeline of 100, wire, queries a second .*bytes, one Sync/)
  },
  3 * minute
)

it("says of a row that it could not be measured without a C compiler", async () => {
  const { code, stdout } = await bench(["core", "roundTrip", "--smoke"], ["CC=no-such-compiler"])
  expect(code).toBe(0)
  expect(stdout).toMatch(/round trip, waitFd +– +C: there is no compiler here.* not measured/)
  expect(stdout).toMatch(/round trip, waitFd .*node:net/)
})

it("lists what there is when no suite is named", async () => {
  const { code, stdout } = await bench([])
  expect(code).toBe(0)
  expect(stdout).toContain("core: roundTrip,")
})

it("refuses a suite or a measure that there is not", async () => {
  expect((await bench(["no-such-suite"])).code).toBe(1)
  expect((await bench(["core", "no-such-measure"])).code).toBe(1)
})
