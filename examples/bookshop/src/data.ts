// What the bookshop sells, and what readers said about it.

export interface Book {
  readonly isbn: string
  readonly title: string
  readonly author: string
  readonly year: number
  readonly cents: number
}

export interface Review {
  readonly isbn: string
  readonly stars: number
  readonly text: string
}

export const books: readonly Book[] = [
  { isbn: '9780141439518', title: 'Pride and Prejudice', author: 'Jane Austen', year: 1813, cents: 899 },
  { isbn: '9780141439556', title: 'Wuthering Heights', author: 'Emily Brontë', year: 1847, cents: 799 },
  { isbn: '9780142437247', title: 'Moby-Dick', author: 'Herman Melville', year: 1851, cents: 1299 },
  { isbn: '9780141439600', title: 'A Tale of Two Cities', author: 'Charles Dickens', year: 1859, cents: 999 },
  { isbn: '9780141441146', title: 'Jane Eyre', author: 'Charlotte Brontë', year: 1847, cents: 949 },
]

export const reviews: readonly Review[] = [
  { isbn: '9780141439518', stars: 5, text: 'Everyone in it is wrong about everyone else.' },
  { isbn: '9780141439518', stars: 4, text: 'The letters alone are worth it.' },
  { isbn: '9780141439556', stars: 3, text: 'Good weather, bad neighbours.' },
  { isbn: '9780142437247', stars: 5, text: 'I skipped no chapter about whales.' },
  { isbn: '9780141439600', stars: 4, text: 'The first sentence is long and right.' },
  { isbn: '9780141441146', stars: 5, text: 'She leaves, and she is right to.' },
]
