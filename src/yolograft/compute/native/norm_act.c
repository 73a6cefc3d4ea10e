/* Batch normalization with the SiLU that follows it, forward and backward, in as few goes over the memory as they take.

   Tensors are channels-last: n rows (images, lines, columns) of c channels. PyTorch reads or writes such a tensor
   fourteen times for the pair; here it is nine, and vectors are as long as the processor's whatever c is.

   PyTorch adds up a channel of a channels-last float32 tensor in one float32 sum for each thread, over up to hundreds
   of thousands of rows. Here sums of up to a thousand numbers are added up in double, so that gradients of a whole
   model are about as near to float64's as with channels first. exp is SLEEF's of 1.0 ULP; bfloat16
   computes in float32 in between, with a cheaper exp and reciprocal whose error is far below its rounding.

   compute/norm_act.py builds the arguments, and compares a few tensors with PyTorch's before this is relied on. */

#include <immintrin.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>

#pragma GCC diagnostic ignored "-Wpsabi" /* all functions with vectors are inline */

#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__
typedef __m512 V;
typedef __mmask16 Lanes;
#define W 16
#define set _mm512_set1_ps
#define fma _mm512_fmadd_ps
#define fnma _mm512_fnmadd_ps
INLINE Lanes lanes(long n) { return n >= W ? 0xffff : (1u << n) - 1; }
INLINE V load(const float *p, Lanes l) { return _mm512_maskz_loadu_ps(l, p); }
INLINE void store(float *p, Lanes l, V v) { _mm512_mask_storeu_ps(p, l, v); }
INLINE V power_of_two(V n) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtps_epi32(n + set(127)), 23)); }
INLINE V half_down(V n) { return _mm512_roundscale_ps(n * set(.5f), _MM_FROUND_TO_NEG_INF); }
INLINE V clamp(V v, float limit) { return _mm512_min_ps(set(limit), _mm512_max_ps(set(-limit), v)); }
#else
typedef __m256 V;
typedef int Lanes; /* C is a multiple of 8 */
#define W 8
#define set _mm256_set1_ps
#define fma _mm256_fmadd_ps
#define fnma _mm256_fnmadd_ps
INLINE Lanes lanes(long n) { return 0; }
INLINE V load(const float *p, Lanes l) { return _mm256_loadu_ps(p); }
INLINE void store(float *p, Lanes l, V v) { _mm256_storeu_ps(p, v); }
INLINE V power_of_two(V n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtps_epi32(n + set(127)), 23)); }
INLINE V half_down(V n) { return _mm256_floor_ps(n * set(.5f)); }
INLINE V clamp(V v, float limit) { return _mm256_min_ps(set(limit), _mm256_max_ps(set(-limit), v)); }
#endif

#ifdef __AVX512BF16__
INLINE V load16(const uint16_t *p, Lanes l) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(l, p)), 16));
}
INLINE void store16(uint16_t *p, Lanes l, V v) { _mm256_mask_storeu_epi16(p, l, (__m256i)_mm512_cvtneps_pbh(v)); }
/* 2^t with t = -z log2(e), bounded below, where infinity has no fraction: the fraction by a polynomial, error 4e-6;
   1 / (1 + .) to 14 bits */
INLINE V sigmoid16(V z) {
    V t = _mm512_max_ps(set(-126), z * set(-1.44269504f)), n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT), f = t - n;
    V p = fma(set(.0096181291f), f, set(.055504109f));
    p = fma(fma(fma(p, f, set(.24022651f)), f, set(.69314718f)), f, set(1));
    return _mm512_rcp14_ps(_mm512_scalef_ps(p, n) + set(1));
}
#else
#define load16(p, l) set(0)
#define store16(p, l, v)
#define sigmoid16(z) set(0)
#endif

INLINE V get(const void *p, long i, Lanes l, const int half) {
    return half ? load16((const uint16_t *)p + i, l) : load((const float *)p + i, l);
}
INLINE void put(void *p, long i, Lanes l, V v, const int half) {
    if (half) store16((uint16_t *)p + i, l, v);
    else store((float *)p + i, l, v);
}

struct Rows { /* what a thread has to do, and the arguments of both passes */
    const void *x, *g; /* input; gradient of the output, whose rows lie `stride` elements apart */
    void *y;           /* output; gradient of the input */
    long n, c, stride;
    int silu;
    float *mean, *invstd, *alpha, *beta;
    double *buffer;
};

/* 1 + exp(-z): SLEEF's expf of 1.0 ULP. Beyond the limit the sum is 1 or infinite, as without one. */
INLINE V one_plus_exp(V z) {
    V d = clamp(-z, 104);
    V q = (d * set(1.442695040888963407359924681001892137426645954152985935134449406931f) + set(12582912)) - set(12582912);
    V s = fnma(q, set(1.428606765330187045e-06f), fnma(q, set(.693145751953125f), d));
    V u = fma(set(.000198527617612853646278381f), s, set(.00139304355252534151077271f));
    u = fma(fma(u, s, set(.00833336077630519866943359f)), s, set(.0416664853692054748535156f));
    u = fma(fma(u, s, set(.166666671633720397949219f)), s, set(.5f));
    u = set(1) + fma(s * s, u, s);
    V h = half_down(q);
    return set(1) + u * power_of_two(h) * power_of_two(q - h);
}

struct Piece { /* rows that stay in the first cache while their channels are gone through, W at a time */
    long from, to, last, rows;
};
INLINE struct Piece next(struct Piece p) {
    p.from = p.to;
    p.to = p.from + p.rows < p.last ? p.from + p.rows : p.last;
    return p;
}
/* The first piece of a thread's rows. */
INLINE struct Piece first(const struct Rows *a, const int half) {
    long each = (a->n + omp_get_num_threads() - 1) / omp_get_num_threads(), from = omp_get_thread_num() * each;
    return next((struct Piece){0, from, from + each < a->n ? from + each : a->n, 16384 / (a->c * (half ? 2 : 4)) + 1});
}
#define PIECES for (struct Piece p = first(a, half); p.from < p.last; p = next(p))
#define CHANNELS for (long c = 0; c < C; c += W)
#define ROWS for (long row = p.from, i = row * C + c; row < p.to; row++, i += C)

/* Sums of W channels in double; C is a multiple of 8. */
typedef float F8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef double D8 __attribute__((vector_size(64), aligned(8), may_alias));
INLINE D8 wide(const V *v, long e) { return __builtin_convertvector(*(const F8 *)((const float *)v + e), D8); }
#define EIGHTS for (long e = 0; e < W && e < C - c; e += 8)

/* Sum of a column of the threads' buffers. */
INLINE double total(const double *buffer, long c, long C) {
    double sum = 0;
    for (int t = 0; t < omp_get_num_threads(); t++) sum += buffer[t * C + c];
    return sum;
}

INLINE void normalize(const struct Rows *a, const int half) {
    const long C = a->c;
    PIECES CHANNELS {
        Lanes l = lanes(C - c);
        V alpha = load(a->alpha + c, l), beta = load(a->beta + c, l);
        if (a->silu) ROWS {
            V z = fma(get(a->x, i, l, half), alpha, beta);
            put(a->y, i, l, half ? (V)(z * sigmoid16(z)) : (V)(z / one_plus_exp(z)), half);
        }
        else ROWS put(a->y, i, l, fma(get(a->x, i, l, half), alpha, beta), half);
    }
}

INLINE void forward(struct Rows *a, const float *weight, const float *bias, float *running_mean, float *running_var,
                    float momentum, double eps, const int half) {
    const long C = a->c;
    double *sums = a->buffer, *squares = sums + omp_get_num_threads() * C;
    double *sum_part = sums + omp_get_thread_num() * C, *square_part = squares + omp_get_thread_num() * C;
    for (long c = 0; c < C; c++) sum_part[c] = square_part[c] = 0;
    PIECES CHANNELS {
        Lanes l = lanes(C - c);
        V sum = set(0), square = set(0);
        ROWS sum += get(a->x, i, l, half);
        V mean = sum / set(p.to - p.from); /* squares of the distances from it, so that nothing is lost in float32 */
        ROWS {
            V d = get(a->x, i, l, half) - mean;
            square = fma(d, d, square);
        }
        EIGHTS {
            D8 s = wide(&sum, e), m = wide(&mean, e);
            *(D8 *)(sum_part + c + e) += s;
            *(D8 *)(square_part + c + e) += wide(&square, e) + m * (2 * s - (double)(p.to - p.from) * m);
        }
    }
#pragma omp barrier
#pragma omp single
    for (long c = 0; c < C; c++) {
        double mean = total(sums, c, C) / a->n, square = total(squares, c, C) - mean * mean * a->n;
        square = square < 0 ? 0 : square; /* no number stays none */
        a->mean[c] = mean;
        running_mean[c] = momentum * a->mean[c] + (1 - momentum) * running_mean[c];
        running_var[c] = momentum * square / (a->n - 1) + (1 - momentum) * running_var[c];
        a->invstd[c] = 1 / sqrt(square / a->n + eps);
        a->alpha[c] = a->invstd[c] * weight[c];
        a->beta[c] = __builtin_fmaf(-a->mean[c], a->alpha[c], bias[c]);
    }
    normalize(a, half);
}

/* The gradient of the norm's output is kept in y between the two passes. */
INLINE void backward(struct Rows *a, const float *weight, float *grad_weight, float *grad_bias, const int half) {
    const long C = a->c;
    double *sums = a->buffer, *dots = sums + omp_get_num_threads() * C;
    double *sum_part = sums + omp_get_thread_num() * C, *dot_part = dots + omp_get_thread_num() * C;
    float *k = (float *)(dots + omp_get_num_threads() * C), *grad_mean = k + C;
    for (long c = 0; c < C; c++) sum_part[c] = dot_part[c] = 0;
    PIECES CHANNELS {
        Lanes l = lanes(C - c);
        V alpha = load(a->alpha + c, l), beta = load(a->beta + c, l), mean = load(a->mean + c, l);
        V sum = set(0), dot = set(0);
        ROWS {
            V x = get(a->x, i, l, half), g = get(a->g, row * a->stride + c, l, half);
            if (a->silu) {
                V z = fma(x, alpha, beta), s = half ? sigmoid16(z) : (V)(set(1) / one_plus_exp(z));
                g = (g * s) * fma(z, set(1) - s, set(1));
                put(a->y, i, l, g, half);
            }
            sum += g;
            dot = fma(x - mean, g, dot);
        }
        EIGHTS {
            *(D8 *)(sum_part + c + e) += wide(&sum, e);
            *(D8 *)(dot_part + c + e) += wide(&dot, e);
        }
    }
#pragma omp barrier
#pragma omp single
    for (long c = 0; c < C; c++) {
        double dot = total(dots, c, C), sum = total(sums, c, C), invstd = a->invstd[c];
        grad_bias[c] = sum;
        grad_weight[c] = dot * invstd;
        k[c] = dot * invstd * invstd / a->n;
        grad_mean[c] = sum / a->n;
    }
    PIECES CHANNELS {
        Lanes l = lanes(C - c);
        V mean = load(a->mean + c, l), invstd = load(a->invstd + c, l), w = load(weight + c, l);
        V factor = load(k + c, l), shift = load(grad_mean + c, l);
        ROWS {
            V g = a->silu ? get(a->y, i, l, half) : get(a->g, row * a->stride + c, l, half);
            V d = fnma(get(a->x, i, l, half) - mean, factor, g - shift);
            put(a->y, i, l, d * invstd * w, half);
        }
    }
}

#define ENTRY(name, half) \
    void normalize_##name(const struct Rows *a, int threads) { \
        _Pragma("omp parallel num_threads(threads)") normalize(a, half); \
    } \
    void evaluate_##name(struct Rows *a, int threads, const float *weight, const float *bias, \
                         const float *running_mean, const float *running_var, double eps) { \
        for (long c = 0; c < a->c; c++) { \
            a->alpha[c] = 1 / sqrtf(running_var[c] + (float)eps) * weight[c]; \
            a->beta[c] = __builtin_fmaf(-running_mean[c], a->alpha[c], bias[c]); \
        } \
        normalize_##name(a, threads); \
    } \
    void forward_##name(struct Rows *a, int threads, const float *weight, const float *bias, float *running_mean, \
                        float *running_var, double momentum, double eps) { \
        _Pragma("omp parallel num_threads(threads)") \
            forward(a, weight, bias, running_mean, running_var, (float)momentum, eps, half); \
    } \
    void backward_##name(struct Rows *a, int threads, const float *weight, float *grad_weight, float *grad_bias) { \
        _Pragma("omp parallel num_threads(threads)") backward(a, weight, grad_weight, grad_bias, half); \
    }
ENTRY(float32, 0)
#ifdef __AVX512BF16__
ENTRY(bfloat16, 1)
#endif
