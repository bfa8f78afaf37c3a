import type { Envelope } from '@rekey/schema';

/** For specs: what the earlier version sealed, with keys of fixed bytes. */
export const sealedBefore: Envelope = {
  protected: 'eyJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vanNvbiJ9',
  iv: 'M-alDZy7te53N-pC',
  ciphertext: '7RCN9EezFGnqDUF2C9G_0VdTcJ6SM2DZDno',
  tag: 'lJuMvpLxoUpxRThACf2H3w',
  recipients: [
    {
      header: {
        alg: 'A256KW',
        kid: 'golden-a',
        proof: 'tXgaCVo5aoX-xZKGyQDeWAipmTuWPodnMujI7EiPt9I',
      },
      encrypted_key: 'mNMF0xVDHPbAFP4WV7HvNy1GO0kW3jkpRorag9fsh9l7VXfoS30i8w',
    },
    {
      header: {
        alg: 'A256KW',
        kid: 'golden-b',
        proof: 'URxXgz4eZKwIgRFwki5hepy8Ipey8Ne0pzzA7KvK3hU',
      },
      encrypted_key: 'ARN569-q91JTTlqNFnJy46fF5TD5d_CzF8YpQZyVAlRV6dU7lliFAQ',
    },
  ],
};

export const grantedBefore = {
  own: {
    crv: 'X25519',
    d: 'IO7kA_vIgjfnYRTdMSZeCR72JwOCvRrSzDFCDPPU60Y',
    x: 'WLUR5dQc1PqtvyAGKKJu9GjgTDDjI57E1j4AuYECbAE',
    kty: 'OKP',
    use: 'enc',
    alg: 'ECDH-ES+A256KW',
    kid: 'sdHU9rYs02c7',
  },
  verifier: { crv: 'Ed25519', x: 'mZM0b7LT8_KrjY6h77epTxutubwSin7Th3gvOG9lxNY', kty: 'OKP', kid: 'rekey' },
  kid: '6ctN3c1D-qCq',
  grant: [
    'eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJraWQiOiJzZEhVOXJZczAyYzciLCJjdHkiOi',
    'JKT1NFIiwiZXBrIjp7IngiOiJvSXVRMGtHNTlLaDVYYUh2TENfOFZMR1hhcU5DcGZRMFp4WC1aVmVrUDFZIiwiY3J2',
    'IjoiWDI1NTE5Iiwia3R5IjoiT0tQIn19.Btz1nM3_tzQkpG8TIWgwlNxZZqh86fAYb4OeOC4rpmby752O_4aCsg.-e',
    '8YMZXRcCfgM36N.o1QfXIqJL0OagV_ICmL8tATNdp2VvonYY-Yj7yNWZXMqoCnhCebu4-3KZaXmkB2hYPWlkpzsa80',
    'bAGKS0gAuWN8ZCL-kyG-eVvbjbwtolxEwX1QkG02X7QG4tE7OZBIKN1akEHaU4Qn1fQHONlPW-SWXce6z5boxTPUdn',
    'tDrR8ED5tZY1YrZzEmAeSBeQiWRAcyo6aKkyqLPNpxQQBC8crHlQCa1z0dsumwHch8yJ_fTc1h6bGNdEpXNLrwDCGO',
    'hpDhVJMymUZ00V5VrnRnWGKIt0kYKuo85Ybi5eGnAzwuDe00MT0vtX8NC8BoXF1HMl_j9cctnLHSCHRfdah0fZSZLN',
    't1NhXLy3du5auTt2Q9VAAHjrNKevllSR0hbpVXJD9T0Mhn2oEO5nQe8JaCwjxPK2lvcGeruGtaNAPClhRhyCm0yKZQ',
    'GJaHD-C91lU15kj71_N93SkR349NHEMK20FVep31A5VM1RYcU1JPg8fWx1AYnaJpeHxgtmxH4aD6XQ8dJC44ALB4i5',
    'cVjCA_ioQAACC4-Yc3B9b9NZbZcrER9qti1StuYX2WfQf5nhtfEF_MYzmqYEqh3CFCgs5nWdZsvKzl0HKrQ8oUpw6l',
    'tiB3pOw8zUKyRTq9UztefCIp6l8odCLS0TeSQ681FAsYecrjcZlef5IzYYH7UC1Lek9Kq1EUDz2o.hONeEsP5foSk4',
    'vDrZtuN7Q',
  ].join(''),
};
