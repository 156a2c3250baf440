export const count = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');

export const plain = (text: string): string => text.replace(/[|\r\n]+/g, ' ');
