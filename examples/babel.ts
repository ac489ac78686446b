/**
 * A plug-in of Babel, synchronous as all of them are, whose answers come from somewhere else: translations are put into
 * the code, while it is compiled, by a service that takes its time.
 *
 * Babel runs in workers (`babel/compile.ts`): one language in each, at the same time.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { green, GreenWorkers } from "green-blocking"
import { Translations, Untranslated } from "./babel/operations.ts"

const compile = green(() => import("./babel/compile.ts"), new URL("./babel/compile.ts", import.meta.url), "compile")

const known: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  de: { "add to basket": "in den Korb", pay: "bezahlen" },
  fr: { "add to basket": "ajouter au panier", pay: "payer" },
  la: { pay: "solvere" }
}

const Handlers = Translations.toLayer({
  Translate: ({ language, text }) =>
    Effect.gen(function* () {
      yield* Effect.sleep("5 millis")
      return known[language]?.[text] ?? (yield* new Untranslated({ language, text }))
    })
})

const Workers = GreenWorkers.layer(Translations, { size: 2 }).pipe(Layer.provide(Handlers))

const source = `const buttons = [
  t("add to basket"),
  t("pay")
];`

const program = Effect.gen(function* () {
  const compiled = yield* Effect.forEach(["de", "fr"], (language) => compile(source, language), { concurrency: 2 })
  for (const code of compiled) console.log(code)

  const error = yield* Effect.flip(compile(source, "la"))
  console.log(`\n${error.message}`)
})

await Effect.runPromise(program.pipe(Effect.provide(Workers)))
