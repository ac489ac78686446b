// Packs what was built, and checks the packages as their users get them: publint, are-the-types-wrong, and an import of
// every entry by plain Node, without the condition that leads to sources. Runs after a build: `npm run check:packages`.

import { execFileSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

const root = fileURLToPath(new URL("..", import.meta.url))
const run = (command, args) =>
  execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

mkdirSync(join(root, ".cache"), { recursive: true })
const folder = mkdtempSync(join(root, ".cache/packages-"))
const wrong = []
try {
  const names = readdirSync(join(root, "packages"))
  for (const name of names) {
    removeStale(join(root, "packages", name))
    const [{ filename }] = JSON.parse(
      run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, "--workspace", name])
    )
    const tarball = join(folder, filename)
    await lint(name, tarball)
    types(name, tarball)
    const installed = join(folder, "node_modules", name)
    mkdirSync(installed, { recursive: true })
    run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"])
  }
  for (const name of names) load(name)
} finally {
  rmSync(folder, { recursive: true })
}
if (wrong.length > 0) {
  console.error(wrong.join("\n"))
  process.exitCode = 1
}

/** tsc does not remove what it built of a source that is gone. */
function removeStale(folder) {
  for (const file of globSync("dist/**/*.{js,js.map,d.ts,d.ts.map}", { cwd: folder })) {
    const source = file.replace(/^dist/, "src").replace(/(\.js|\.d\.ts)(\.map)?$/, ".ts")
    if (!existsSync(join(folder, source))) rmSync(join(folder, file))
  }
}

async function lint(name, tarball) {
  const { buffer, byteOffset, byteLength } = readFileSync(tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
    strict: true
  })
  wrong.push(...messages.map((message) => `${name}: ${formatMessage(message, pkg)}`))
  console.log(`${name}: publint has ${messages.length} messages`)
}

function types(name, tarball) {
  try {
    run(join(root, "node_modules/.bin/attw"), [tarball, "--profile", "esm-only", "--no-emoji", "--format", "ascii"])
    console.log(`${name}: its types are right`)
  } catch (error) {
    wrong.push(`${name}: its types are wrong\n${error.stdout ?? error.message}`)
  }
}

function load(name) {
  const { exports } = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8"))
  const entries = Object.entries(exports)
    .filter(([entry, target]) => target?.default?.endsWith(".js") && !entry.includes("*"))
    .map(([entry]) => name + entry.slice(1))
  const program = join(folder, `${name}.mjs`)
  writeFileSync(program, entries.map((entry) => `await import(${JSON.stringify(entry)})\n`).join(""))
  try {
    run(process.execPath, [program])
    console.log(`${name}: plain Node imports ${entries.join(", ")}`)
  } catch {
    wrong.push(`${name}: plain Node cannot import ${entries.join(", ")}`)
  }
}
