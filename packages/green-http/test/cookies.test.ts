import { assert, describe, it } from "@effect/vitest"
import { Cookies } from "green-http"

const hosts = [
  "example.com",
  "www.example.com",
  "a.www.example.com",
  "example.co.uk",
  "xample.com",
  "example.com.",
  "localhost",
  "app.localhost",
  "127.0.0.1",
  "[::1]",
  "[2001:db8::1]",
  "xn--bcher-kva.example",
  "test"
]

const lines = ["id=1", "id=2; Domain=example.com", "id=3; Domain=www.example.com", "id=4; Domain=.example.com; Path=/a"]

describe("a jar", () => {
  it("sends what tough-cookie would, whoever has set it and whoever asks", () => {
    for (const setter of hosts) {
      for (const line of lines) {
        const cookies = Cookies.make()
        cookies.store(new URL(`http://${setter}/a/b`), ["set-cookie", line])
        for (const asker of hosts) {
          const url = new URL(`http://${asker}/a/b`)
          let expected: string | undefined
          try {
            expected = cookies.jar.getCookieStringSync(url.href) || undefined
          } catch {
            expected = undefined
          }
          assert.strictEqual(cookies.header(url), expected, `${line} of ${setter}, asked by ${asker}`)
        }
      }
    }
  })
})
