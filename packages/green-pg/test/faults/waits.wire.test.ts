import { describe } from "@effect/vitest"
import { everyWait } from "./support/waits.ts"

describe("by wire", () => {
  everyWait("wire")
})
