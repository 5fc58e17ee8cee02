using Microsoft.AspNetCore.Http;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// The client's word on what to do while no replica is ready: <c>hold</c>, which is usual, or <c>reject</c>, which is
/// what the hosted product does.
/// </summary>
internal static class ColdStartHeader
{
    public const string Name = "x-stoker-cold-start";

    /// <returns>The error to answer with, or null.</returns>
    public static InferenceError? Read(IHeaderDictionary headers, out bool rejects)
    {
        rejects = false;
        if (!headers.TryGetValue(Name, out var values)) return null;
        switch (values.ToString())
        {
            case "hold": return null;
            case "reject":
                rejects = true;
                return null;
            default:
                return InferenceError.Invalid(
                    $"{Name} must be hold (wait for a replica) or reject (503 while there is none), and be there once at most", Name);
        }
    }
}
