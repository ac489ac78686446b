/**
 * Where the templates are: an ordinary server, in the same process.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createServer } from "node:http"

const templates: Readonly<Record<string, string>> = {
  "/page": `{{include "header"}}\n{{#each items}}{{include kind}}\n{{/each}}{{include "footer"}}`,
  "/header": `<h1>{{title}}</h1>`,
  "/book": `<p><i>{{title}}</i> by {{include "author"}}</p>`,
  "/film": `<p><b>{{title}}</b>, {{year}}</p>`,
  "/author": `<a href="/authors/{{author}}">{{author}}</a>`,
  "/footer": `<small>items: {{items.length}}</small>`
}

export const listen = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer(({ url = "" }, response) => {
      const template = templates[url]
      if (template === undefined) response.writeHead(404).end()
      else response.end(template)
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    return { server, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : undefined}` }
  }),
  ({ server }) => Effect.sync(() => server.close().closeAllConnections())
)
