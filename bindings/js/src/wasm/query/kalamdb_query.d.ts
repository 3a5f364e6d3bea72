// The output of wasm-bindgen stands here in the package; this says what of it the worker uses.
import type { QueryModule } from '../../engine.js'

export declare const run: QueryModule['run']
export declare const to_arrow: QueryModule['to_arrow']
export default function init(options: {
  module_or_path: Response | BufferSource | WebAssembly.Module
}): Promise<unknown>
