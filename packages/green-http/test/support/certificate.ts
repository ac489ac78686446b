/**
 * A certificate for localhost, secure.test and 127.0.0.1 that nobody trusts, and its key. For tests only, for a hundred
 * years: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
 * -addext subjectAltName=DNS:localhost,DNS:secure.test,IP:127.0.0.1`.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBqDCCAU6gAwIBAgIUOyQ6rNRO6vayYeKcZnmhdDSfdRIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzExMTgzNloYDzIxMjYxMDMw
MTExODM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS8MAReOptqPapeBAByJNIO1q3YQ2fftW+JAQRZg6o4sRdZQZYc0NCU
5r9GHR/Q/iSgkedh7yXYYV6mQ1c9sUydo3wwejAdBgNVHQ4EFgQUAywGj8d0I+K3
6LfuU/kq9ftZxUowHwYDVR0jBBgwFoAUAywGj8d0I+K36LfuU/kq9ftZxUowDwYD
VR0TAQH/BAUwAwEB/zAnBgNVHREEIDAegglsb2NhbGhvc3SCC3NlY3VyZS50ZXN0
hwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQDN8rbF3n6bMt+eHzuL+5ys3trar4HH
M8PeC6/xSy9BtwIgGRkwiZY3FclrkEHmdpaAbG/KrfY4itpBwxM8ADhJ6oA=
-----END CERTIFICATE-----
`

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHlYzYqebp0ugWAsR
8RT25Eb6JGrPufCg7twE7uaNLJehRANCAAS8MAReOptqPapeBAByJNIO1q3YQ2ff
tW+JAQRZg6o4sRdZQZYc0NCU5r9GHR/Q/iSgkedh7yXYYV6mQ1c9sUyd
-----END PRIVATE KEY-----
`
