using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Settings whose errors stop the program at start with one line.</summary>
internal static class Settings
{
    private const string Binder = "Microsoft.Extensions.Configuration.Binder";

    /// <summary>Binds a section and validates it at start; unknown names and values that cannot be converted are errors.</summary>
    public static void AddSettings<T>(this IHostApplicationBuilder builder, string section)
        where T : class
    {
        builder.Services.AddOptions<T>()
            .Configure<IConfiguration>((options, settings) =>
            {
                IConfigurationSection values = settings.GetSection(section);
                RequireKnownNames<T>(values);
                // Otherwise the binder silently drops list and dictionary entries that it cannot convert.
                new Children(values).Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
            })
            .ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<T>>(new Annotations<T>(section));
    }

    /// <returns>One line for an invalid setting; null for any other exception.</returns>
    public static string? Problem(Exception exception) => exception switch
    {
        OptionsValidationException invalid => string.Join(" ", invalid.Failures),
        // The binder's innermost exception names the setting and its value.
        InvalidOperationException { Source: Binder } => exception.InnerException is InvalidOperationException { Source: Binder } inner ? Problem(inner) : exception.Message,
        _ => null,
    };

    private static void RequireKnownNames<T>(IConfigurationSection section)
    {
        string[] known = [.. typeof(T).GetProperties().Select(property => property.Name)];
        if (section.GetChildren().FirstOrDefault(setting => !known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
        {
            throw new OptionsValidationException(section.Key, typeof(T), [$"{unknown.Path} is not a setting. The settings of {section.Key} are {string.Join(", ", known)}."]);
        }

        // The binder's message would repeat the value, which may be a key in plain text.
        foreach (IConfigurationSection list in section.GetChildren().Where(setting => IsList(typeof(T).GetProperties(), setting.Key)))
        {
            if (!string.IsNullOrEmpty(list.Value))
            {
                throw new OptionsValidationException(section.Key, typeof(T), [$"{list.Path} is a list. Set {list.Path}:0, {list.Path}:1, ... instead."]);
            }

            if (list.GetChildren().FirstOrDefault(item => item.GetChildren().Any()) is { } item)
            {
                throw new OptionsValidationException(section.Key, typeof(T), [$"{item.Path} is a single value and has no settings below it."]);
            }
        }
    }

    private static bool IsList(PropertyInfo[] properties, string name) =>
        properties.Any(property => property.PropertyType == typeof(IList<string>) && property.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    // Hides the section's own value: an unrelated environment variable such as SERVER or CACHE is not a setting of this program.
    private sealed class Children(IConfigurationSection section) : IConfiguration
    {
        public string? this[string key]
        {
            get => section[key];
            set => section[key] = value;
        }

        public IEnumerable<IConfigurationSection> GetChildren() => section.GetChildren();

        public IChangeToken GetReloadToken() => section.GetReloadToken();

        public IConfigurationSection GetSection(string key) => section.GetSection(key);
    }

    // The framework's validator wraps each message in the names of a class and a method.
    private sealed class Annotations<T>(string section) : IValidateOptions<T>
        where T : class
    {
        public ValidateOptionsResult Validate(string? name, T options)
        {
            var problems = new List<ValidationResult>();
            return Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true)
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(problems.Select(problem =>
                    problem.ErrorMessage!.StartsWith(section, StringComparison.Ordinal) ? problem.ErrorMessage : $"{section}: {problem.ErrorMessage}"));
        }
    }
}
