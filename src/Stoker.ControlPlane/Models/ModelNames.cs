using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Accounts;

namespace Stoker.ControlPlane.Models;

/// <summary>What a caller means by a model's name, and what it may see.</summary>
public sealed class ModelNames(ModelStore store)
{
    /// <summary>
    /// A full name, or a bare identifier, which is looked up in the caller's account and then in the library. A model
    /// that is missing and one that the caller may not see give byte-equal answers.
    /// </summary>
    public async Task<Result<Model>> ResolveAsync(AccountName caller, string text, CancellationToken cancellation)
    {
        if (ModelName.TryParse(text, out var full))
        {
            return await FindVisibleAsync(caller, full, cancellation) is { } model ? model : NotFound(full.ToString());
        }

        if (!ResourceId.TryParse(text, out var id))
        {
            return Problem.InvalidArgument(
                $"'{(text.Length <= 100 ? text : text[..100] + "...")}' names no model: give an identifier ({ResourceId.Rule}) "
                + "or a full name accounts/ACCOUNT/models/ID");
        }

        return await store.FindAsync(caller.Model(id), cancellation) is { } own
            ? own
            : await FindVisibleAsync(caller, AccountName.Library.Model(id), cancellation) is { } library ? library : NotFound(text);
    }

    /// <summary>The one rule of who sees a model: its own account, and everybody the library's public ones.</summary>
    public static bool IsVisible(ModelName name, bool isPublic, AccountName caller) =>
        name.Parent == caller || (isPublic && name.Parent == AccountName.Library);

    /// <summary>Made of the asked name alone, so that it tells nothing about what is there.</summary>
    public static Problem NotFound(string asked) =>
        ModelName.TryParse(asked, out _) ? MissingResource.Problem(asked) : Problem.NotFound($"model \"{asked}\" not found");

    private async Task<Model?> FindVisibleAsync(AccountName caller, ModelName name, CancellationToken cancellation) =>
        await store.FindAsync(name, cancellation) is { } model && IsVisible(model.Name, model.Public, caller) ? model : null;
}
