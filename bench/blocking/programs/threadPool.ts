/** A pool of threads that others have made: `threadPool.ts <piscina|tinypool> <threads>`. */
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import { answer } from "./answer.ts"

const threads = Number(process.argv[3])
const Pool = process.argv[2] === "piscina" ? Piscina : Tinypool
const pool = new Pool({
  filename: new URL("plainJobs.mjs", import.meta.url).href,
  minThreads: threads,
  maxThreads: threads
})

answer({
  nothing: async (operations) => {
    for (let operation = 0; operation < operations; operation++) await pool.run(undefined, { name: "nothing" })
  }
})
