/** Tells "http://host/v1" and "host:8080" from the name of a deployment. */
export const isUrl = (text: string): boolean =>
  /^https?:\/\//i.test(text) || /^(\[[\da-f:]+\]|[\w.-]+):\d+/i.test(text)
