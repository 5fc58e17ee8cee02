namespace Stoker.ControlPlane.Models;

/// <summary>Number formats of weights and caches. The names on the wire are these in upper snake case.</summary>
public enum Precision
{
    PrecisionUnspecified,
    Fp16,
    Fp8,
    Fp8Mm,
    Fp8Ar,
    Fp8MmKvAttn,
    Fp8Kv,
    Fp8MmV2,
    Fp8V2,
    Fp8MmKvAttnV2,
    Nf4,
    Fp4,
    Bf16,
    Fp4BlockscaledMm,
    Fp4MxMoe,
}
