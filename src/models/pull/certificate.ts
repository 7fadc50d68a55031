/** OpenSSL's words for a certificate that nobody here vouches for, and Node's for one of another name. */
const codes = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_|ERR_TLS_CERT_)/

/** Another try would be refused as well. `thrown`: what a connection failed with. */
export const isCertificateError = (thrown: unknown): boolean => {
  const { code, cause } = Object(thrown) as { code?: unknown; cause?: unknown }
  return (
    (typeof code === 'string' && codes.test(code)) || (cause != null && isCertificateError(cause))
  )
}

export const certificateHint =
  'The certificate there is not trusted here: where a proxy of your network signs it, set NODE_EXTRA_CA_CERTS to the file of its authority.'
