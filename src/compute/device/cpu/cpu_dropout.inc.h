/* cpu_dropout.inc.h - the dropout mask of a row: Philox4x32-10 (Salmon et al., SC 2011), many
 * blocks at a time.  Word j of block b is the random element 4 b + j, as crm_rng_element gives it.
 */

enum { BLOCKS = 16 }; /* of four words, side by side in vector registers */

/* c[w][i] is word w of the counter of block i, and of its random numbers afterwards.  The two
 * halves of a product are written out, so that compilers multiply whole registers. */
static inline void philox(uint32_t c[restrict 4][BLOCKS], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint32_t h0[BLOCKS], l0[BLOCKS], h1[BLOCKS], l1[BLOCKS];

        for (int i = 0; i < BLOCKS; i++) {
            uint64_t p = (uint64_t)c[0][i] * 0xD2511F53u;
            h0[i] = (uint32_t)(p >> 32);
            l0[i] = (uint32_t)p;
        }
        for (int i = 0; i < BLOCKS; i++) {
            uint64_t p = (uint64_t)c[2][i] * 0xCD9E8D57u;
            h1[i] = (uint32_t)(p >> 32);
            l1[i] = (uint32_t)p;
        }
        for (int i = 0; i < BLOCKS; i++) {
            c[0][i] = h1[i] ^ c[1][i] ^ k0;
            c[1][i] = l1[i];
            c[2][i] = h0[i] ^ c[3][i] ^ k1;
            c[3][i] = l0[i];
        }
    }
}

static void dropout_row(const crm_cpu_mask *m, float *x, int64_t d)
{
    uint32_t c[4][BLOCKS], word[4 * BLOCKS];

    for (int64_t j = 0; j < d; j += 4 * BLOCKS) {
        int64_t n = d - j < 4 * BLOCKS ? d - j : 4 * BLOCKS;

        for (uint32_t i = 0; i < BLOCKS; i++) {
            c[0][i] = m->row[0];
            c[1][i] = m->row[1];
            c[2][i] = m->epoch;
            c[3][i] = m->first + (uint32_t)(j / 4) + i;
        }
        philox(c, m->key[0], m->key[1]);
        for (int i = 0; i < 4 * BLOCKS; i++)
            word[i] = c[i & 3][i >> 2];
        EACH(n, x[j + i] = word[i] < m->below ? 0.0f : x[j + i] * m->scale);
    }
}
