/* global __ENV */
import http from 'k6/http'

/** k6 has no arrivals but even ones, and knows no stream: what it calls waiting is the time to the first byte. */
export const options = {
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 200,
    },
  },
  summaryTrendStats: ['med', 'p(90)'],
}

// oxlint-disable-next-line import/no-default-export -- k6 looks for it
export default function request() {
  http.post(`${__ENV.URL}/chat/completions`, __ENV.BODY, {
    headers: { 'content-type': 'application/json' },
  })
}
