namespace Stoker.Engine.Kernels;

/// <summary>How a kernel wants the activations of a tile of mr tokens. k: column.</summary>
internal enum ActivationForm
{
    /// <summary>[k][mr] f32.</summary>
    F32,

    /// <summary>[k/2][mr][2] bf16, rounded to the nearest.</summary>
    Bf16,

    /// <summary>
    /// Per 128 columns: starts [mr] i32 = the bits of 1.5 · 2^23 - 128 · the sum of the integers, scales [mr] f32, then
    /// [k/4][mr][4] i8. An integer sum that starts there ends as the bits of the float 1.5 · 2^23 + the sum.
    /// </summary>
    Int8Group128,

    /// <summary>The same per 32 columns, with -12 · the sum (see <see cref="Weights.Fp4.Bias"/>).</summary>
    Int8Group32,

    /// <summary>
    /// Per 128 columns: starts [mr] i32 = -128 · the sum, scales [mr] f32, then [k/4][mr][4] i16, of four columns first
    /// the even and then the odd ones.
    /// </summary>
    Int16Group128,
}

internal static class ActivationForms
{
    /// <summary>1.5 · 2^23: added to a number up to 2^22 it leaves the nearest integer (ties to even) in the low bits.</summary>
    public const float Rounder = 12582912f;

    /// <summary>Starts and scales of a group, for each token.</summary>
    public const int GroupHeaderBytes = sizeof(int) + sizeof(float);

    /// <summary>Columns under one scale; 0: the form has none.</summary>
    public static int GroupColumns(this ActivationForm form) => form switch
    {
        ActivationForm.Int8Group128 or ActivationForm.Int16Group128 => Weights.PanelLayout.Int8Group,
        ActivationForm.Int8Group32 => Weights.PanelLayout.Fp4Group,
        _ => 0,
    };

    /// <summary>Bytes of one token in so many columns, a multiple of 32.</summary>
    public static int TokenBytes(this ActivationForm form, int columns) => form switch
    {
        ActivationForm.F32 => columns * sizeof(float),
        ActivationForm.Bf16 => columns * sizeof(ushort),
        ActivationForm.Int16Group128 => (columns * sizeof(short)) + (Groups(form, columns) * GroupHeaderBytes),
        _ => columns + (Groups(form, columns) * GroupHeaderBytes),
    };

    private static int Groups(ActivationForm form, int columns) => (columns + form.GroupColumns() - 1) / form.GroupColumns();
}
