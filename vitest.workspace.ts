import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig, type Plugin } from "vitest/config"
import { hasDecorators, lower } from "./test/support/decorators.ts"
import { LongestFirst } from "./test/support/LongestFirst.ts"

const packages = readdirSync(new URL("packages", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

/** Tests run the sources of the workspace's packages, not what was built of them. */
const conditions = ["green-source", "module", "node", "development|production"]

const decorators: Plugin = {
  name: "green-decorators",
  enforce: "pre",
  async transform(code, id) {
    if (!/\.m?ts$/.test(id) || id.includes("/node_modules/") || !hasDecorators(code)) return
    const lowered = await lower(code, id)
    return { code: lowered.code, map: lowered.map }
  }
}

const project = (name: string, include: ReadonlyArray<string>, exclude: ReadonlyArray<string> = []) => ({
  plugins: [decorators],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name,
    include: [...include],
    globalSetup: [`packages/${name}/test/support/globalSetup.ts`].filter((file) =>
      existsSync(new URL(file, import.meta.url))
    ),
    exclude: ["**/node_modules/**", "**/dist/**", ...exclude],
    // Processes, not threads: handlers are tested where they run, in a main thread. Workers started there inherit the condition.
    pool: "forks" as const,
    execArgv: ["--conditions=green-source"],
    // Most of what a process costs is compiling what the one before it has compiled: a file of tests is one, and starts more.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL(".cache/compiled", import.meta.url)) },
    // of the tests of a file that run at the same time: docs and examples, each a process
    maxConcurrency: 2,
    testTimeout: 90_000,
    hookTimeout: 90_000
  }
})

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      ...packages.map((name) => project(name, [`packages/${name}/test/**/*.test.ts`])),
      project("examples", ["examples/**/*.test.ts", "test/examples.test.ts"]),
      project("docs", ["test/docs.test.ts"]),
      project("workspace", ["test/**/*.test.ts"], ["test/docs.test.ts", "test/examples.test.ts"])
    ]
  }
})
