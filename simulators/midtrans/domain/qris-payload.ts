/** CRC-16/CCITT-FALSE, which closes every EMV QR payload (EMVCo QR Code Specification, tag 63). */
export function crc16(text: string): string {
  let crc = 0xffff;
  for (const byte of Buffer.from(text, 'utf8')) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc.toString(16).toUpperCase().padStart(4, '0');
}

const field = (tag: string, value: string): string => `${tag}${String(value.length).padStart(2, '0')}${value}`;

/** A dynamic QRIS payload for one payment; the reference in tag 62 makes it unique. */
export function qrisPayload(payment: {
  readonly merchantId: string;
  readonly reference: string;
  readonly grossAmount: number;
}): string {
  const account = field('00', 'ID.CO.QRIS.WWW') + field('02', `ID${payment.merchantId}`) + field('03', 'UMI');
  const body = [
    field('00', '01'), // payload format
    field('01', '12'), // dynamic: usable once
    field('51', account),
    field('52', '5734'), // merchant category: software
    field('53', '360'), // ISO 4217 number of IDR
    field('54', String(payment.grossAmount)),
    field('58', 'ID'),
    field('59', 'SIMULATED MERCHANT'),
    field('60', 'JAKARTA'),
    field('62', field('05', payment.reference)),
  ].join('');
  return `${body}6304${crc16(`${body}6304`)}`;
}
