// Response headers that tell browsers to be careful.
import { Action, Headers, HttpFilter, settings } from '@meshwright/filter-sdk'

@config
export class Settings {
  /** Seconds; 0: no Strict-Transport-Security. Only sent over HTTPS. */
  hstsMaxAge: u32 = 31536000
  hstsSubdomains: bool = true
  hstsPreload: bool = false
  /** The whole value of each; empty: not set. */
  contentSecurityPolicy: string = ''
  frameOptions: string = 'DENY'
  contentTypeOptions: string = 'nosniff'
  referrerPolicy: string = 'strict-origin-when-cross-origin'
  permissionsPolicy: string = ''
  crossOriginOpenerPolicy: string = 'same-origin'
  crossOriginResourcePolicy: string = 'same-origin'
  /** Whether what the service itself says gives way. */
  replace: bool = false
  /** Fields that tell strangers what runs behind. */
  remove: string[] = ['server', 'x-powered-by']

  get hsts(): string {
    if (this.hstsMaxAge == 0) return ''
    return `max-age=${this.hstsMaxAge}${this.hstsSubdomains ? '; includeSubDomains' : ''}${this.hstsPreload ? '; preload' : ''}`
  }
}

@filter
export class SecurityHeaders extends HttpFilter {
  private https: bool = false

  onRequestHeaders(end: bool): Action {
    // Not every host lets a filter read the request once the response is there.
    this.https = this.request.scheme == 'https'
    return Action.Continue
  }

  onResponseHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.response.headers
    for (let i = 0; i < own.remove.length; i++) headers.delete(own.remove[i])
    if (this.https) put(headers, 'strict-transport-security', own.hsts, own.replace)
    put(headers, 'content-security-policy', own.contentSecurityPolicy, own.replace)
    put(headers, 'x-frame-options', own.frameOptions, own.replace)
    put(headers, 'x-content-type-options', own.contentTypeOptions, own.replace)
    put(headers, 'referrer-policy', own.referrerPolicy, own.replace)
    put(headers, 'permissions-policy', own.permissionsPolicy, own.replace)
    put(headers, 'cross-origin-opener-policy', own.crossOriginOpenerPolicy, own.replace)
    put(headers, 'cross-origin-resource-policy', own.crossOriginResourcePolicy, own.replace)
    return Action.Continue
  }
}

function put(headers: Headers, name: string, value: string, replace: bool): void {
  if (value.length > 0 && (replace || !headers.has(name))) headers.set(name, value)
}
