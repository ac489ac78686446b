import { transform } from "esbuild"
import { readdirSync } from "node:fs"
import { defineConfig, type Plugin } from "vitest/config"

const packages = readdirSync(new URL("packages", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

/** Tests run the sources of the workspace's packages, not what was built of them. */
const conditions = ["green-source", "module", "node", "development|production"]

/** Standard decorators, which neither Vite's transform nor Node's type stripping lowers. */
const decorators: Plugin = {
  name: "green-decorators",
  enforce: "pre",
  async transform(code, id) {
    if (!/\.m?ts$/.test(id) || id.includes("/node_modules/") || !/^\s*@[A-Za-z]/m.test(code)) return
    const lowered = await transform(code, {
      loader: "ts",
      sourcefile: id,
      sourcemap: true,
      supported: { decorators: false },
      target: "es2024",
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } }
    })
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
    exclude: ["**/node_modules/**", "**/dist/**", ...exclude],
    // Processes, not threads: handlers are tested where they run, in a main thread. Workers started there inherit the condition.
    pool: "forks" as const,
    execArgv: ["--conditions=green-source"],
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      ...packages.map((name) => project(name, [`packages/${name}/test/**/*.test.ts`])),
      project("examples", ["examples/**/*.test.ts", "test/examples.test.ts"]),
      project("docs", ["test/docs.test.ts"]),
      project("workspace", ["test/**/*.test.ts"], ["test/docs.test.ts", "test/examples.test.ts"])
    ]
  }
})
