"""The columns of the German credit table: names, order, types and the words for the source's codes.

Every script of this example takes its columns from here, so that the CSV files, the inputs of the
models and schema.yaml cannot drift apart without verify.py noticing.
"""

LABEL = "risk"  # 1: the loan was repaid (good, the favourable outcome); 0: it was not (bad)

# Column -> (attribute in the source, {code in the source: our word}); the codes are those of the
# packaged ARFF file, the meanings those of its header.
CATEGORIES = {
    # The source joins sex and marital status; only the sex is kept.
    "sex": ("personal_status", {
        "male div/sep": "male", "male single": "male", "male mar/wid": "male",
        "female div/dep/mar": "female",
    }),
    "foreign_worker": ("foreign_worker", {"yes": "yes", "no": "no"}),
    "job": ("job", {
        "unemp/unskilled non res": "unskilled non-resident",
        "unskilled resident": "unskilled resident",
        "skilled": "skilled",
        "high qualif/self emp/mgmt": "highly skilled",
    }),
    "employment": ("employment", {
        "unemployed": "unemployed", "<1": "under 1 year", "1<=X<4": "1 to 4 years",
        "4<=X<7": "4 to 7 years", ">=7": "7 years or more",
    }),
    "housing": ("housing", {"rent": "rent", "own": "own", "for free": "free"}),
    "property": ("property_magnitude", {
        "real estate": "real estate", "life insurance": "life insurance", "car": "car",
        "no known property": "none",
    }),
    "telephone": ("own_telephone", {"none": "none", "yes": "yes"}),
    "checking_account": ("checking_status", {
        "<0": "under 0", "0<=X<200": "0 to 200", ">=200": "200 or more", "no checking": "none",
    }),
    "saving_accounts": ("savings_status", {
        "<100": "under 100", "100<=X<500": "100 to 500", "500<=X<1000": "500 to 1000",
        ">=1000": "1000 or more", "no known savings": "none",
    }),
    "credit_history": ("credit_history", {
        "no credits/all paid": "no credits", "all paid": "all paid here",
        "existing paid": "paid so far", "delayed previously": "delayed before",
        "critical/other existing credit": "critical",
    }),
    "other_debtors": ("other_parties", {
        "none": "none", "co applicant": "co-applicant", "guarantor": "guarantor",
    }),
    "other_plans": ("other_payment_plans", {"none": "none", "bank": "bank", "stores": "stores"}),
    "purpose": ("purpose", {
        "new car": "new car", "used car": "used car", "furniture/equipment": "furniture",
        "radio/tv": "radio/tv", "domestic appliance": "appliance", "repairs": "repairs",
        "education": "education", "retraining": "retraining", "business": "business",
        "other": "other",
    }),
}

# Column -> attribute in the source. All are whole numbers.
NUMBERS = {
    "age": "age",  # years
    "dependents": "num_dependents",  # class 1 or 2
    "residence_since": "residence_since",  # class 1 (shortest) to 4
    "existing_credits": "existing_credits",  # class 1 to 4
    "credit_amount": "credit_amount",  # Deutsche Mark
    "duration": "duration",  # months
    "installment_rate": "installment_commitment",  # class 1 to 4
}

# The order of the columns in every CSV file and of the inputs of every model.
FEATURES = [
    "sex", "age", "foreign_worker", "dependents", "job", "employment", "housing",
    "residence_since", "property", "telephone", "checking_account", "saving_accounts",
    "credit_history", "existing_credits", "other_debtors", "other_plans", "purpose",
    "credit_amount", "duration", "installment_rate",
]
