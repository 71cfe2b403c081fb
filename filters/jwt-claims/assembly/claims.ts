// Claims as texts.
import { Json, JsonKind } from '@meshwright/filter-sdk'

/** The claim at a path with dots; lists are joined with commas. Null: there is none, or it is an object. */
export function claimText(claims: Json, path: string): string | null {
  const whole = claims.get(path)
  if (whole != null) return textOf(whole)
  const dot = path.indexOf('.')
  if (dot < 0) return null
  const inner = claims.get(path.substring(0, dot))
  if (inner == null) return null
  return claimText(inner, path.substring(dot + 1))
}

function textOf(json: Json): string | null {
  if (json.kind == JsonKind.Null || json.kind == JsonKind.Object) return null
  if (json.kind != JsonKind.List) return json.text
  let text = ''
  for (let i = 0; i < json.items.length; i++) {
    const item = json.items[i]
    // A comma within an item would make two of it.
    if (item.kind == JsonKind.List || item.kind == JsonKind.Object || item.kind == JsonKind.Null || item.text.includes(',')) continue
    text += text.length == 0 ? item.text : ',' + item.text
  }
  return text
}

/** Whether the `aud` of a token, a text or a list of them, names an audience. */
export function audienceHas(audience: Json | null, name: string): bool {
  if (audience == null) return false
  if (audience.kind == JsonKind.Text) return audience.text == name
  for (let i = 0; i < audience.items.length; i++) {
    if (audience.items[i].kind == JsonKind.Text && audience.items[i].text == name) return true
  }
  return false
}
