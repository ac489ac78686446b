/** tinypool: `tinypool.ts <threads>`. */
import { Tinypool } from "tinypool"
import { answer } from "./answer.ts"

const threads = Number(process.argv[2])
const pool = new Tinypool({
  filename: new URL("plainJobs.mjs", import.meta.url).href,
  minThreads: threads,
  maxThreads: threads
})

answer({
  nothing: async (operations) => {
    for (let operation = 0; operation < operations; operation++) await pool.run(undefined, { name: "nothing" })
  }
})
