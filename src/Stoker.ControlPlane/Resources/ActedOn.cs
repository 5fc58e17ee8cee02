using Microsoft.AspNetCore.Http;

namespace Stoker.ControlPlane.Resources;

/// <summary>The resource that a request turned out to be about, where neither its path nor its answer says it.</summary>
/// <param name="Name">A full name that was found, never text of the request.</param>
public sealed record ActedOn(string Name)
{
    public static void Note(HttpContext context, string name) => context.Features.Set(new ActedOn(name));
}
