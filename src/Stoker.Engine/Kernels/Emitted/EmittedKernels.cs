using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>
/// The AVX-512 set with emitted tiles: bf16 dot products for Bf16 and Fp8 weights, byte dot products for Int8 and Fp4.
/// Activations are rounded to bf16 or quantised to 8 bit per token and group.
/// </summary>
internal sealed unsafe class EmittedKernels(TileCode code) : VectorKernels<Lanes512, Vector512<float>>("emitted")
{
    /// <summary>From so many tiles on an Fp8 panel is decoded once for all of them; the sums are the same to the bit.</summary>
    private const int DecodeFromTiles = 3;

    public override ActivationForm FormOf(WeightFormat format) => format switch
    {
        WeightFormat.Bf16 or WeightFormat.Fp8 => ActivationForm.Bf16,
        WeightFormat.Int8 => ActivationForm.Int8Group128,
        WeightFormat.Fp4 => ActivationForm.Int8Group32,
        _ => ActivationForm.F32,
    };

    private protected override WeightFormat DecodedFormat(WeightFormat format, int tiles) =>
        format == WeightFormat.Fp8 && tiles >= DecodeFromTiles ? WeightFormat.Bf16 : format;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private protected override void BlockTile(
        WeightFormat format, byte* weights, int columns, byte* a, int mr, float* c, int stride, bool accumulate)
    {
        var (strideBytes, keep) = (stride * (long)sizeof(float), accumulate ? 1L : 0);
        switch (format)
        {
            case WeightFormat.Bf16:
                code.Bf16(mr)(weights, a, c, columns / 2, strideBytes, keep);
                break;
            case WeightFormat.Int8:
                code.Int8(mr)(weights, a, c, columns / 4, strideBytes, keep);
                break;
            case WeightFormat.Fp8:
                code.Fp8(mr)(weights, a, c, columns / 4, strideBytes, keep);
                break;
            case WeightFormat.Fp4:
                code.Fp4(mr)(weights, a, c, columns / 4, strideBytes, keep);
                break;
            default:
                base.BlockTile(format, weights, columns, a, mr, c, stride, accumulate);
                break;
        }
    }
}
