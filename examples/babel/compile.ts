/**
 * The job: Babel with a plug-in. The visitors of a plug-in are synchronous, and so is `transformSync`; what one of them
 * has to know, it asks the host for.
 */
import { type PluginObj, transformSync, types } from "@babel/core"
import { perform } from "green-blocking/worker"
import { Translations, Untranslated } from "./operations.ts"

const { Translate } = perform(Translations)

/** Puts the translation in the place of `t("text")`. */
const translate = (language: string): PluginObj => ({
  visitor: {
    CallExpression(path) {
      const { arguments: args, callee } = path.node
      const [text] = args
      if (!types.isIdentifier(callee, { name: "t" }) || !types.isStringLiteral(text)) return
      try {
        path.replaceWith(types.stringLiteral(Translate({ text: text.value, language })))
      } catch (error) {
        // Where in the source it is, only the plug-in knows.
        if (error instanceof Untranslated) throw path.buildCodeFrameError(error.message)
        throw error
      }
    }
  }
})

export const compile = (source: string, language: string): string =>
  transformSync(source, { configFile: false, filename: "/shop.js", plugins: [translate(language)] })?.code ?? ""
