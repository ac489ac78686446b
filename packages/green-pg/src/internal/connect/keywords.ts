/**
 * What the options of a connection say, as libpq's keywords: each once, with the option that said it. What nobody said,
 * and comes from a service file or the environment, is the matter of `settings`.
 */
import * as Result from "effect/Result"
import type { ConnectOptions, InvalidOption } from "../../ConnectOptions.ts"
import { checked, containsNul, invalid, type Said } from "./checks.ts"
import { fields, text } from "./fields.ts"
import { parseUrl } from "./parseUrl.ts"
import { applicationName } from "./startupParameters.ts"

export type Keywords = ReadonlyMap<string, Said>

/** An option wins over the URL; two options that say the same keyword are an error. */
export const keywords = (
  options: ConnectOptions,
  parse: (conninfo: string) => Readonly<Record<string, string>>
): Result.Result<Keywords, InvalidOption> =>
  Result.gen(function* () {
    const said = new Map<string, Said>()
    const say = (keyword: string, option: string, value: string) =>
      value === ""
        ? Result.void
        : Result.map(checked(keyword, { option, value }), (checked) => void said.set(keyword, checked))

    for (const [keyword, value] of Object.entries(yield* parseUrl(text(options.url) ?? "", parse))) {
      yield* say(keyword, `url (${keyword})`, value)
    }
    yield* say("application_name", "startupParameters.application_name", applicationName(options) ?? "")
    const saidBy = new Map<string, string>()
    for (const [keyword, option, written] of fields(options)) {
      const value = yield* written
      if (value === undefined) continue
      saidBy.set(keyword, option)
      yield* say(keyword, option, value)
    }
    for (const [keyword, value] of Object.entries(options.conninfo ?? {})) {
      if (keyword === "") return yield* invalid("conninfo", "a keyword is empty")
      if (keyword.includes("\0")) return yield* invalid("conninfo", `${JSON.stringify(keyword)}: ${containsNul}`)
      const other = saidBy.get(keyword)
      if (other !== undefined) return yield* invalid(`conninfo.${keyword}`, `${other} says it, too; say it once`)
      yield* say(keyword, `conninfo.${keyword}`, value)
    }
    return said
  })
