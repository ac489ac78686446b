/** Standard decorators, which neither Node's type stripping nor Vite's transform lowers. */
import { transform } from "esbuild"

export const hasDecorators = (code: string): boolean => /^\s*@[A-Za-z]/m.test(code)

/** JavaScript without decorators and types. */
export const lower = (code: string, file: string) =>
  transform(code, {
    loader: "ts",
    sourcefile: file,
    sourcemap: true,
    supported: { decorators: false },
    target: "es2024",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } }
  })
