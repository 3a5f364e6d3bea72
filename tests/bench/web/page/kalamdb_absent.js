// Stands in for the package `kalamdb` where it is not built: the engine is shown as failed.

const absent = () => {
  throw new Error('the package kalamdb is not built: build bindings/js, or set KALAMDB_JS to its folder')
}

export const open = absent
export const defineSchema = absent
export const t = new Proxy({}, { get: absent })
