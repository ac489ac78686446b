/**
 * `node scripts/screenshot.mjs [file.png]`: the live page of examples/web.ts as a browser shows it. Needs Debian's
 * `chromium`; run by hand, to look at.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"

const file = process.argv[2] ?? join(tmpdir(), "green-web.png")
const server = spawn(process.execPath, ["--conditions=green-source", "examples/web.ts", "--serve"], {
  stdio: ["ignore", "pipe", "inherit"]
})
try {
  const [line] = await once(server.stdout, "data")
  const [url] = /http:\S+/.exec(String(line)) ?? []
  if (url === undefined) throw new Error(`the example said: ${line}`)
  const options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=900,700", "--timeout=2500"]
  execFileSync(process.env["BROWSER"] ?? "chromium", [...options, `--screenshot=${file}`, url], {
    stdio: "ignore",
    timeout: 60_000
  })
  console.log(file)
} finally {
  server.kill()
}
