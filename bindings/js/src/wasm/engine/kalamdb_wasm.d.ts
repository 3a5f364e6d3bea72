// The output of wasm-bindgen stands here in the package; this says what of it the worker uses.
import type { EngineModule } from '../../engine.js'

export declare const Engine: EngineModule['Engine']
export default function init(options: {
  module_or_path: Response | BufferSource | WebAssembly.Module
}): Promise<unknown>
