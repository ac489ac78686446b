import { globSync } from "node:fs"
import { expect, it } from "vitest"
import { load as loadLibcurl } from "../examples/curl/libcurl.ts"
import { root, runSource } from "./support/run.ts"

const minute = 60_000

/** What an example prints, to the letter. The main example has tests of its own, beside it. */
const printed: Readonly<Record<string, string>> = {
  "examples/babel.ts": `
const buttons = ["in den Korb", "bezahlen"];
const buttons = ["ajouter au panier", "payer"];

compile: threw: /shop.js: there is no la for "add to basket"
  1 | const buttons = [
> 2 |   t("add to basket"),
    |   ^^^^^^^^^^^^^^^^^^
  3 |   t("pay")
  4 | ];
`,
  "examples/http.ts": `
over the network: Emma, Persuasion, Middlemarch
in memory:        Emma, Persuasion, Middlemarch
being recorded:   Emma, Persuasion, Middlemarch
from a cassette:  Emma, Persuasion, Middlemarch
`,
  "examples/curl.ts":
    loadLibcurl() === undefined
      ? "libcurl.so.4 is not installed (Debian: libcurl4): there is nothing to show"
      : `
together: 200 a, 200 b, 200 c
interrupted: the server has seen it leave
a time-out of Effect's: TimeoutError
a time-out of curl's: CurlError 28
refused: http://127.0.0.1:1/: Couldn't connect to server
large: 1572864
waiting: 0
`,
  "examples/custom-fd-layer.ts": `
(a) at once: hello, world
(a) byte by byte: hello, world
(a) cut off: Truncated: the stream ended, 3 bytes are missing
(b) wait 1 fails: FdError: wait on descriptor 2000000000: ECONNRESET (errno 104); closed, 0 waiting
(b) wait 2 fails: FdError: wait on descriptor 2000000000: ECONNRESET (errno 104); closed, 0 waiting
(b) wait 3 fails: FdError: wait on descriptor 2000000000: ECONNRESET (errno 104); closed, 0 waiting
(b) none fails: hello, world; closed, 0 waiting
(c) woken for nothing: 1
(c) woken again: 1
(c) hello, world
`,
  "examples/postgres.ts": `
3 items are here
Ada gets it
Bertha does not: there is not enough
Cleo gets it
packed for Ada: 6 apples, 50 plums
packed for Cleo: 4 pears
item,amount
apples,4
pears,0
plums,150
`,
  "examples/progress.ts": `
upload   ██████░░░░░░░░░░░░░░░░░░ 25 %
upload   ████████████░░░░░░░░░░░░ 50 %
upload   ██████████████████░░░░░░ 75 %
upload   ████████████████████████ 100 %
16777216 bytes are here
download ██████░░░░░░░░░░░░░░░░░░ 25 %
download ████████████░░░░░░░░░░░░ 50 %
download ██████████████████░░░░░░ 75 %
download ████████████████████████ 100 %
16777216 bytes are back
`,
  "examples/protocol.ts": `
on the event loop:   it is 42, found with 7 questions
blocking the thread: it is 42, found with 7 questions
in a virtual world:  it is 42, found with 7 questions
`,
  "examples/runaway.ts": `
^a+$       true
^(a+)+b$   takes too long
^b         false
^(a|a)*c$  takes too long
a{50}      true
running 0, stuck 0
`,
  "examples/sqlite.ts": `
total: 26
a long query: 2000000; the host went on meanwhile: true
refused: NoRate DEM
too late: TimeoutError
orders: 2
threads started: 1
`,
  "examples/templates.ts": `
<h1>New</h1>
<p><i>Emma</i> by <a href="/authors/Jane Austen">Jane Austen</a></p>
<p><b>Metropolis</b>, 1927</p>
<small>items: 2</small>

<h1>Books</h1>
<p><i>Emma</i> by <a href="/authors/Jane Austen">Jane Austen</a></p>
<small>items: 1</small>

NoTemplate play
`,
  "examples/wsgi.ts": `
answered: 12
visits: 12
never more than 3 at a time: true
HELLO! (1)
WORLD! (2)
not found: 404
a client that leaves interrupts what its request waits for
`
}

const examples = globSync("examples/*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"))

it("there is a main example", () => expect(examples).toContain("examples/main.ts"))

it.concurrent.each(examples)(
  "%s runs as it stands, and ends",
  async (file) => {
    const { code, stderr, stdout } = await runSource(file, minute)
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/./)
    expect(stdout.trim()).toBe(printed[file]?.trim() ?? stdout.trim())
  },
  2 * minute
)
