/**
 * The order of the files of a run: those that take longest first, of whichever project they are, so that the workers end
 * at about the same time. The rest is in the order of vitest.
 */
import { existsSync } from "node:fs"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import { root } from "./run.ts"

/** What takes more than ten seconds, the longest first. */
const longest = [
  "test/bench.test.ts",
  "packages/green-pg/test/faults/waits.libpq.test.ts",
  "packages/green-pg/test/faults/waits.wire.test.ts",
  "test/docs.test.ts",
  "packages/green-http/test/laws.test.ts",
  "packages/green-pg/test/sql/transactionFaults.test.ts",
  "packages/green-pg/test/faults/network.test.ts",
  "packages/green-pg/test/connection/types.test.ts",
  "packages/green-pg/test/faults/bank.test.ts",
  "packages/green-pg/test/PostgresServer.process.test.ts",
  "packages/green-pg/test/faults/memory.test.ts",
  "packages/green-pg/test/faults/hazards.test.ts",
  "packages/green-pg/test/connection/interruption.test.ts",
  "packages/green-blocking/test/pool/nesting.test.ts",
  "test/runtimes.test.ts",
  "packages/green-pg/test/faults/terminated.test.ts",
  "packages/green-core/test/workers/hazards.test.ts",
  "test/examples.test.ts"
].map((file) => root + file)

const missing = longest.filter((file) => !existsSync(file))
if (missing.length > 0) throw new Error(`these tests are not there any more: ${missing.join(", ")}`)

const rank = ({ moduleId }: TestSpecification): number => {
  const place = longest.indexOf(moduleId)
  return place < 0 ? longest.length : place
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}
