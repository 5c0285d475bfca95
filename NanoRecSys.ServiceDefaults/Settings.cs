using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Settings that end the start with one line if they are not valid.</summary>
internal static class Settings
{
    private const string Binder = "Microsoft.Extensions.Configuration.Binder";

    /// <summary>Binds a section and validates it at start; unknown names and values that do not convert are errors.</summary>
    public static void AddSettings<T>(this IHostApplicationBuilder builder, string section)
        where T : class =>
        builder.Services.AddOptions<T>()
            // Otherwise the binder drops the entries of lists and dictionaries that do not convert, without a word.
            .BindConfiguration(section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();

    /// <returns>One line for a setting that ends the start; null for any other exception.</returns>
    public static string? Problem(Exception exception) => exception switch
    {
        OptionsValidationException invalid => string.Join(" ", invalid.Failures),
        // The innermost of the binder's names the setting and its value.
        InvalidOperationException { Source: Binder } => exception.InnerException is InvalidOperationException { Source: Binder } inner ? Problem(inner) : exception.Message,
        _ => null,
    };
}
